import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { noisyCircle } from './draws.ts';

const RINGS = 4;

export const ringsDefinition: ToyDefinition = {
  name: 'rings',
  description: '4 circles of radius 3, 2.25, 1.5 and 0.75 with noise of σ 0.08',
  modes: RINGS,
  labelled: true,
  trainPerMode: 4096,
  sample: (key, mode, count) => noisyCircle(fold(key, mode), count, (3 * (RINGS - mode)) / RINGS, 0.08),
};

/**
 * Four concentric rings, labelled from the outside in (a FFJORD toy density, Grathwohl et al. 2019).
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { rings } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(rings(key(0), { trainPerMode: 10 }).train.count); // 36
 * ```
 */
export function rings(key: Key, options?: ToyOptions): Dataset {
  return generateToy(ringsDefinition, key, options);
}
