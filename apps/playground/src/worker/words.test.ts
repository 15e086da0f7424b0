import { DeviceLostError } from '@sparseflow/backend-tfjs';
import { TrainingDivergedError } from '@sparseflow/optim';
import { BackendError, ValueError } from '@sparseflow/tensor';
import { expect, it } from 'vitest';
import { defaults } from '../settings.ts';
import { NoWebGpuError } from './backends.ts';
import { TooLargeError } from './capacity.ts';
import { FileError } from './files.ts';
import { inWords } from './words.ts';

const diverged = { step: 3, epoch: 0, lastFiniteLoss: 1, params: {} };

it.each([
  [new DeviceLostError('tfjs-webgpu', 'destroyed'), 'has taken the GPU away'],
  [new BackendError('tfjs-webgpu', 'matMul to shape [9, 9] failed', 'use createTfjsBackend'), 'could not be computed'],
  [new BackendError('wasm', 'not enough memory', 'use smaller batches'), 'too large for the memory of this device'],
  [new RangeError('Array buffer allocation failed'), 'too large for the memory of this device'],
  [new TooLargeError({ ...defaults, layers: 2, hidden: 9 }), 'it has 47 weights'],
  [new NoWebGpuError('This browser has no WebGPU', 'use one that has it'), 'This browser has no WebGPU.'],
  [new FileError('memory.safetensors', 'is damaged', 'restore it'), 'memory.safetensors is damaged.'],
  [new TrainingDivergedError('the loss is NaN', diverged), 'Training diverged'],
  [new ValueError('prune', 'keep is 2', 'give a share'), 'Prune: keep is 2.'],
  ['no error at all', 'Something went wrong: No error at all.'],
])('what went wrong is said in words for those who look: %s', (error, words) => {
  const text = inWords(error);
  expect(text).toContain(words);
  expect(text).toMatch(/^\S.*[.!?]$/);
  expect(text).not.toMatch(/tfjs|shape/i);
});
