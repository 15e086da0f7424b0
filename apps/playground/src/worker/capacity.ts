import { SparseflowError } from '@sparseflow/tensor';
import { sizeOfNet, type Settings } from '../settings.ts';
import type { Opened } from './backends.ts';

/** A net that there is no room for, in words for the page. */
export class TooLargeError extends SparseflowError {
  constructor(settings: Settings) {
    const weights = sizeOfNet(settings).toLocaleString('en');
    const gigabytes = (bytesOf(settings) / 1e9).toFixed(1);
    super(
      'TOO_LARGE',
      `This net is too large for the memory of this device: it has ${weights} weights, and training needs about ${gigabytes} GB`,
      'choose fewer or narrower layers, or smaller batches',
    );
  }
}

/** Addresses of WebAssembly's memory; arrays of a JavaScript heap may be no larger either. */
const WASM_BYTES = 2 ** 31;

/** Copies of the parameters that a step has at once: weights, moments, gradient, and the new weights and moments. */
const COPIES = 7;
/** Stages whose activations a step keeps at once, for a value and two tangents. */
const STAGES = 7 * 3;

/** What a training step needs at once, in bytes, roughly. */
export function bytesOf(settings: Settings): number {
  const { batch, layers, hidden } = settings;
  return 4 * (COPIES * sizeOfNet(settings) + STAGES * batch * (layers - 1) * hidden);
}

/** Why a net cannot be trained here, before it is tried; undefined where nothing speaks against it. */
export function refusal(settings: Settings, { name, backend }: Opened): TooLargeError | undefined {
  const needed = bytesOf(settings);
  const device = (backend as { tfjs?: { kernelBackend?: { device?: GPUDevice } } }).tfjs?.kernelBackend?.device;
  const largest = 4 * Math.max(settings.hidden ** 2, settings.batch * settings.hidden * 3);
  const isTooLarge =
    name === 'wasm' ? needed > WASM_BYTES : largest > (device?.limits.maxStorageBufferBindingSize ?? Infinity);
  return isTooLarge ? new TooLargeError(settings) : undefined;
}
