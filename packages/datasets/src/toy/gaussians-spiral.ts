import { fold, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { gaussianPoints, linspace, onCircle } from './draws.ts';

const MODES = 10;
const MODES_PER_TURN = 6;

export const gaussiansSpiralDefinition: ToyDefinition = {
  name: 'gaussians-spiral',
  description:
    '10 Gaussians along a spiral, radius 4 to 1, σ 0.3 to 0.1, each shifted as a whole by one offset of σ 0.001',
  modes: MODES,
  labelled: true,
  trainPerMode: 1638,
  sample(key, mode, count) {
    const center = onCircle((2 * Math.PI * (mode + 1)) / MODES_PER_TURN, linspace(4, 1, MODES, mode));
    const offset = gaussianPoints(fold(fold(key, mode), 0), 1, center, 1e-3);
    return gaussianPoints(fold(fold(key, mode), 1), count, [offset[0]!, offset[1]!], linspace(0.3, 0.1, MODES, mode));
  },
};

/**
 * Ten Gaussians along a spiral, shrinking inwards, labelled by mode.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { gaussiansSpiral } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(gaussiansSpiral(key(0), { trainPerMode: 100 }).train.count); // 900
 * ```
 */
export function gaussiansSpiral(key: Key, options?: ToyOptions): Dataset {
  return generateToy(gaussiansSpiralDefinition, key, options);
}
