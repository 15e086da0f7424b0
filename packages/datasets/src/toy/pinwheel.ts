import { fold, normal, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';

const BLADES = 5;
/** How much further a point is turned, as a multiple of the exponential of its radius. */
const TWIST = 0.25;

export const pinwheelDefinition: ToyDefinition = {
  name: 'pinwheel',
  description: '5 Gaussian blades (σ 0.3 radial, 0.1 tangential) sheared into a pinwheel',
  modes: BLADES,
  labelled: true,
  trainPerMode: 3277,
  sample(key, mode, count) {
    const points = normal(fold(key, mode), 2 * count);
    for (let i = 0; i < points.length; i += 2) {
      const radial = 1 + 0.3 * points[i]!;
      const tangential = 0.1 * points[i + 1]!;
      const angle = (2 * Math.PI * mode) / BLADES + TWIST * Math.exp(radial);
      points[i] = 2 * (radial * Math.cos(angle) + tangential * Math.sin(angle));
      points[i + 1] = 2 * (tangential * Math.cos(angle) - radial * Math.sin(angle));
    }
    return points;
  },
};

/**
 * A pinwheel of five blades, labelled by blade (Johnson et al. 2016; a FFJORD toy density).
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { pinwheel } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(pinwheel(key(0), { trainPerMode: 10 }).train.count); // 45
 * ```
 */
export function pinwheel(key: Key, options?: ToyOptions): Dataset {
  return generateToy(pinwheelDefinition, key, options);
}
