import { createCpuBackend } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import { describe } from 'vitest';
import { registerGpuTraining } from './gpuTraining.ts';

describe('a study on WebGPU in a browser', () =>
  registerGpuTraining(
    () => createTfjsBackend('webgpu'),
    () => createCpuBackend({ path: 'wasm' }),
  ));
