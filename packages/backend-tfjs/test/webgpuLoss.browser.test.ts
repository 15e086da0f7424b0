import { describe } from 'vitest';
import { registerDeviceLossTests } from './deviceLoss.ts';

describe('the loss of a WebGPU device in a browser', () => registerDeviceLossTests());
