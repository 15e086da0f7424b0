import { describe } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { createTfjsBackend } from '../src/index.ts';
import { failOnDeviceErrors } from './deviceErrors.ts';
import { registerFusedTests } from './fusedKernels.ts';

const create = () => createTfjsBackend('webgpu');

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('fused kernels on WebGPU in Node', () => {
  failOnDeviceErrors(create);
  registerFusedTests(create);
});
