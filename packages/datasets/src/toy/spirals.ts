import { fold, uniform, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';

/** Where a spiral ends, in degrees of rotation, which is also its radius in radians. */
const END_DEGREES = 780;

/** One arm, or for mode 1 the same points mirrored at the origin: the two classes share their draw. */
export function spiralArm(key: Key, mode: number, count: number, endDegrees: number, noise: number): Float64Array {
  const along = uniform(fold(key, 0), count);
  const jitter = uniform(fold(key, 1), 2 * count);
  const sign = mode === 0 ? 1 : -1;
  const points = new Float64Array(2 * count);
  for (const [i, u] of along.entries()) {
    const n = (Math.sqrt(u) * endDegrees * 2 * Math.PI) / 360;
    points[2 * i] = sign * (-Math.cos(n) * n + noise * jitter[2 * i]!);
    points[2 * i + 1] = sign * (Math.sin(n) * n + noise * jitter[2 * i + 1]!);
  }
  return points;
}

export const spiralsDefinition: ToyDefinition = {
  name: 'spirals',
  description: 'two spirals of 2⅙ turns with one-sided uniform jitter of 0.5, each the mirror image of the other',
  modes: 2,
  labelled: true,
  trainPerMode: 16384,
  sample: (key, mode, count) => spiralArm(key, mode, count, END_DEGREES, 0.5),
};

export const spiralsClassificationDefinition: ToyDefinition = {
  ...spiralsDefinition,
  name: 'spirals-classification',
  description: 'the two spirals with jitter 0.9 and fewer points, for classifiers',
  trainPerMode: 1024,
  sample: (key, mode, count) => spiralArm(key, mode, count, END_DEGREES, 0.9),
};

/**
 * Two interleaved spirals for density estimation, labelled by arm.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { spirals } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(spirals(key(0), { trainPerMode: 500 }).train.count); // 900
 * ```
 */
export function spirals(key: Key, options?: ToyOptions): Dataset {
  return generateToy(spiralsDefinition, key, options);
}

/**
 * Two interleaved spirals for classification: wider jitter, 1024 points per class.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { spiralsClassification } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(spiralsClassification(key(0)).train.labels!.length); // 1844
 * ```
 */
export function spiralsClassification(key: Key, options?: ToyOptions): Dataset {
  return generateToy(spiralsClassificationDefinition, key, options);
}
