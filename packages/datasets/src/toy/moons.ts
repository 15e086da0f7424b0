import { fold, uniform, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { linspace } from './draws.ts';

export const moonsDefinition: ToyDefinition = {
  name: 'moons',
  description: 'two interleaved half circles; each point shifted along the diagonal by U[0, 0.1)',
  modes: 2,
  labelled: true,
  trainPerMode: 512,
  sample(key, mode, count) {
    const points = new Float64Array(2 * count);
    for (const [i, u] of uniform(fold(key, mode), count).entries()) {
      const angle = linspace(0, Math.PI, count, i);
      const shift = 0.1 * u; // one number for both coordinates
      points[2 * i] = shift + (mode === 0 ? Math.cos(angle) : 1 - Math.cos(angle));
      points[2 * i + 1] = shift + (mode === 0 ? Math.sin(angle) : 0.5 - Math.sin(angle));
    }
    return points;
  },
};

/**
 * Two interleaved half circles, labelled outer 0 and inner 1. Angles are equally spaced, not random.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { moons } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(moons(key(0)).test.count); // 512
 * ```
 */
export function moons(key: Key, options?: ToyOptions): Dataset {
  return generateToy(moonsDefinition, key, options);
}
