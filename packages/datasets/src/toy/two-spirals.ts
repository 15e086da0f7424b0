import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { withNoise } from './draws.ts';
import { spiralArm } from './spirals.ts';

export const twoSpiralsDefinition: ToyDefinition = {
  name: '2spirals',
  description: 'two spirals of 1½ turns, jitter 0.5, divided by 3, plus noise of σ 0.1',
  modes: 2,
  labelled: true,
  trainPerMode: 8192,
  sample(key, mode, count) {
    const arm = spiralArm(key, mode, count, 540, 0.5);
    return withNoise(
      fold(key, 2 + mode),
      arm.map((x) => x / 3),
      0.1,
    );
  },
};

/**
 * Two interleaved spirals, labelled by arm (a FFJORD toy density, Grathwohl et al. 2019). The paper's own are {@link spirals}.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { twoSpirals } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(twoSpirals(key(0), { trainPerMode: 10 }).train.count); // 18
 * ```
 */
export function twoSpirals(key: Key, options?: ToyOptions): Dataset {
  return generateToy(twoSpiralsDefinition, key, options);
}
