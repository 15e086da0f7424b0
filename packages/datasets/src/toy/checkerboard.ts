import { fold, uniform, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';

export const checkerboardDefinition: ToyDefinition = {
  name: 'checkerboard',
  description: 'uniform on the 8 dark squares of a 4 × 4 board on [-4, 4]²',
  modes: 8,
  labelled: true,
  trainPerMode: 2048,
  sample(key, mode, count) {
    const column = mode >> 1;
    // Dark squares: column + row even. Each column holds two.
    const row = 2 * (mode & 1) + (column & 1);
    return uniform(fold(key, mode), 2 * count).map((u, i) => 2 * (u + (i % 2 === 0 ? column : row)) - 4);
  },
};

/**
 * The dark squares of a checkerboard, labelled by square, equally many points in each.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { checkerboard } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(checkerboard(key(0), { trainPerMode: 10 }).train.count); // 72
 * ```
 */
export function checkerboard(key: Key, options?: ToyOptions): Dataset {
  return generateToy(checkerboardDefinition, key, options);
}
