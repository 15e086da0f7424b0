import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { gaussianPoints, onCircle } from './draws.ts';

const MODES = 8;

export const eightGaussiansDefinition: ToyDefinition = {
  name: '8gaussians',
  description: '8 Gaussians (σ 0.5/√2) on a ring of radius 4/√2',
  modes: MODES,
  labelled: true,
  trainPerMode: 2048,
  sample: (key, mode, count) =>
    gaussianPoints(fold(key, mode), count, onCircle((2 * Math.PI * mode) / MODES, 4 / Math.SQRT2), 0.5 / Math.SQRT2),
};

/**
 * Eight Gaussians on a ring, labelled by mode (a FFJORD toy density, Grathwohl et al. 2019).
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { eightGaussians } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(eightGaussians(key(0), { trainPerMode: 10 }).train.count); // 72
 * ```
 */
export function eightGaussians(key: Key, options?: ToyOptions): Dataset {
  return generateToy(eightGaussiansDefinition, key, options);
}
