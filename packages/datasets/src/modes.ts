import type { Split } from './dataset.ts';
import { DatasetError } from './errors.ts';

/** First and second moments of the points that share a label. */
export interface Mode {
  readonly label: number;
  readonly count: number;
  /** `dim` coordinates. */
  readonly mean: Float64Array;
  /** `dim` × `dim`, row-major, unbiased (ddof 1). */
  readonly covariance: Float64Array;
}

/**
 * Mean and unbiased covariance of each class, by increasing label: the modes against which sample quality is judged (Table 4 of the
 * paper).
 *
 * @throws {DatasetError} when the split has no labels, or a label has fewer than two points.
 * @example
 * ```ts
 * import { gaussians, modes } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const found = modes(gaussians(key(0)).train);
 * console.log(found.length, found[0]!.covariance.length); // 6 4
 * ```
 */
export function modes(split: Split): Mode[] {
  const { labels, points, dim } = split;
  if (!labels) throw new DatasetError('modes', 'the points have no labels', 'use a labelled data set');
  const rowsOf = new Map<number, number[]>();
  for (const [row, label] of labels.entries()) {
    const rows = rowsOf.get(label);
    if (rows) rows.push(row);
    else rowsOf.set(label, [row]);
  }
  return [...rowsOf].sort(([a], [b]) => a - b).map(([label, rows]) => moments(label, rows, points, dim));
}

function moments(label: number, rows: readonly number[], points: Float64Array, dim: number): Mode {
  const count = rows.length;
  if (count < 2) {
    throw new DatasetError(
      'modes',
      `label ${label} has ${count} point, too few for a covariance`,
      'draw at least 2 points per mode',
    );
  }
  const mean = new Float64Array(dim);
  for (const row of rows) for (let d = 0; d < dim; d++) mean[d]! += points[row * dim + d]! / count;
  const covariance = new Float64Array(dim * dim);
  for (const row of rows) {
    for (let i = 0; i < dim; i++) {
      const deviation = points[row * dim + i]! - mean[i]!;
      for (let j = 0; j < dim; j++)
        covariance[i * dim + j]! += (deviation * (points[row * dim + j]! - mean[j]!)) / (count - 1);
    }
  }
  return { label, count, mean, covariance };
}
