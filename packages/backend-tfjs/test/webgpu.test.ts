import { describe } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('tfjs webgpu in Node', () =>
  registerBackendTests('webgpu', () => createTfjsBackend('webgpu')),
);
