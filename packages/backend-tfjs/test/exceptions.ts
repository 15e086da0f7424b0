import type { ConformanceException } from '@sparseflow/tensor/conformance';
import type { TfjsBackendName } from '../src/names.ts';

/**
 * Every conformance or kernel case that a tfjs backend does not pass, and why that is accepted. Each is run, and its test fails if the
 * case passes.
 */
export const exceptions: Readonly<Record<TfjsBackendName, readonly ConformanceException[]>> = {
  cpu: [],
  wasm: [],
  webgpu: [],
  webgl: [
    {
      case: 'storage · integers beyond 2^24 are kept · int32',
      reason: 'textures hold floats, so that integers are exact to 2^24; indices do not reach that far',
    },
    {
      case: 'max of -Infinity',
      reason: 'the kernel starts at -1e20, so that a maximum below it is lost',
    },
  ],
  // Not run anywhere yet: the addon needs CUDA and a download.
  'node-gpu': [],
};
