import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { gaussianPoints, onCircle } from './draws.ts';

const MODES = 6;

export const gaussiansDefinition: ToyDefinition = {
  name: 'gaussians',
  description: '6 Gaussians (σ 0.5) on a ring of radius 4, each shifted as a whole by one offset of σ 0.001',
  modes: MODES,
  labelled: true,
  trainPerMode: 2730,
  sample(key, mode, count) {
    const offset = gaussianPoints(fold(fold(key, mode), 0), 1, onCircle((2 * Math.PI * (mode + 1)) / MODES, 4), 1e-3);
    return gaussianPoints(fold(fold(key, mode), 1), count, [offset[0]!, offset[1]!], 0.5);
  },
};

/**
 * Six Gaussians on a ring, labelled by mode: the paper's main toy density. The entropy of the mixture, before normalisation, is that of
 * one mode plus log 6 but for the overlap.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { gaussians } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const { train, validation, test } = gaussians(key(0));
 * console.log(train.count, validation.count, test.count); // 14742 1638 8190
 * ```
 */
export function gaussians(key: Key, options?: ToyOptions): Dataset {
  return generateToy(gaussiansDefinition, key, options);
}
