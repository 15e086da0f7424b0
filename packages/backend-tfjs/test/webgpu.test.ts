import { describe } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { createTfjsBackend } from '../src/index.ts';
import { registerBackendTests } from './registerBackendTests.ts';

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('tfjs webgpu in Node', () =>
  // The browser's tests, on the same software adapter, go to order 3.
  registerBackendTests('webgpu', () => createTfjsBackend('webgpu'), { order: 1 }),
);
