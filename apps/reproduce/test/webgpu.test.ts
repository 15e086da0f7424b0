import { createCpuBackend } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import { describe } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { registerGpuTraining } from './gpuTraining.ts';

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('a study on WebGPU in Node', () =>
  registerGpuTraining(
    () => createTfjsBackend('webgpu'),
    () => createCpuBackend({ path: 'wasm' }),
  ),
);
