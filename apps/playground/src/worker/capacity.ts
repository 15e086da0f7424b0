import { sizeOfNet, type Settings } from '../settings.ts';
import type { Opened } from './backends.ts';
import { TOO_LARGE } from './words.ts';

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
export function refusal(settings: Settings, { name, backend }: Opened): string | undefined {
  const needed = bytesOf(settings);
  const device = (backend as { tfjs?: { kernelBackend?: { device?: GPUDevice } } }).tfjs?.kernelBackend?.device;
  const largest = 4 * Math.max(settings.hidden ** 2, settings.batch * settings.hidden * 3);
  const isTooLarge =
    name === 'wasm' ? needed > WASM_BYTES : largest > (device?.limits.maxStorageBufferBindingSize ?? Infinity);
  if (!isTooLarge) return undefined;
  const millions = (sizeOfNet(settings) / 1e6).toFixed(0);
  return `${TOO_LARGE} Its ${millions} million weights need about ${(needed / 1e9).toFixed(1)} GB.`;
}
