import { fold, uniform, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { onCircle, withNoise } from './draws.ts';

export const swissrollDefinition: ToyDefinition = {
  name: 'swissroll',
  description: 'a spiral r = θ, θ uniform from 1.5π to 4.5π, plus noise of σ 1, divided by 5',
  modes: 1,
  labelled: false,
  trainPerMode: 16384,
  sample(key, _mode, count) {
    const points = new Float64Array(2 * count);
    for (const [i, u] of uniform(fold(key, 0), count).entries()) {
      const angle = 1.5 * Math.PI * (1 + 2 * u);
      points.set(onCircle(angle, angle), 2 * i);
    }
    return withNoise(fold(key, 1), points, 1).map((x) => x / 5);
  },
};

/**
 * The Swiss roll seen along its axis; no labels (a FFJORD toy density, Grathwohl et al. 2019).
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { swissroll } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(swissroll(key(0), { trainPerMode: 100 }).train.count); // 90
 * ```
 */
export function swissroll(key: Key, options?: ToyOptions): Dataset {
  return generateToy(swissrollDefinition, key, options);
}
