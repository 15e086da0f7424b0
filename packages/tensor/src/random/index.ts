export { fold, key, splitKey } from './key.ts';
export type { Key } from './key.ts';
export { normal, permutation, rademacher, randint, uniform } from './samplers.ts';
export type { ArrayOf, SampleOptions } from './samplers.ts';
export { randomNormal, randomRademacher, randomUniform } from './tensors.ts';
export type { RandomTensorOptions } from './tensors.ts';
