import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { noisyCircle } from './draws.ts';

export const concentricDefinition: ToyDefinition = {
  name: 'concentric',
  description: 'two circles of radius 1.5 and 0.75 with noise of σ 0.1',
  modes: 2,
  labelled: true,
  trainPerMode: 512,
  sample: (key, mode, count) => noisyCircle(fold(key, mode), count, mode === 0 ? 1.5 : 0.75, 0.1),
};

/**
 * Two concentric noisy circles, labelled outer 0 and inner 1.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { concentric } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(concentric(key(0)).validation.count); // 102
 * ```
 */
export function concentric(key: Key, options?: ToyOptions): Dataset {
  return generateToy(concentricDefinition, key, options);
}
