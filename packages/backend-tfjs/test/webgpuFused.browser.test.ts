import { describe } from 'vitest';
import { createTfjsBackend } from '../src/index.ts';
import { failOnDeviceErrors } from './deviceErrors.ts';
import { registerFusedTests } from './fusedKernels.ts';

const create = () => createTfjsBackend('webgpu');

describe('fused kernels on WebGPU in a browser', () => {
  failOnDeviceErrors(create);
  registerFusedTests(create);
});
