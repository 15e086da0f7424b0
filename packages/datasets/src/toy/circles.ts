import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { noisyCircle } from './draws.ts';

export const circlesDefinition: ToyDefinition = {
  name: 'circles',
  description: 'two circles of radius 3 and 1.5 with noise of σ 0.24',
  modes: 2,
  labelled: true,
  trainPerMode: 8192,
  sample: (key, mode, count) => noisyCircle(fold(key, mode), count, mode === 0 ? 3 : 1.5, 0.24),
};

/**
 * Two concentric circles, labelled outer 0 and inner 1 (a FFJORD toy density, Grathwohl et al. 2019).
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { circles } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(circles(key(0), { trainPerMode: 10 }).train.count); // 18
 * ```
 */
export function circles(key: Key, options?: ToyOptions): Dataset {
  return generateToy(circlesDefinition, key, options);
}
