import { describe } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { registerDeviceLossTests } from './deviceLoss.ts';

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('the loss of a WebGPU device in Node', () =>
  registerDeviceLossTests(),
);
