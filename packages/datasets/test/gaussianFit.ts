import { key } from '@sparseflow/tensor';
import type { Rows } from '../src/rows/rows.ts';
import { rowsInOrder } from '../src/rows/streamBatches.ts';

/**
 * Mean log-likelihood in nats of rows under the Gaussian with the mean and covariance (ddof 1) of other rows: the cheap check of
 * a loader.
 */
export async function gaussianLogLikelihood(fitted: Rows, scored: Rows): Promise<number> {
  const d = fitted.dim;
  const mean = new Float64Array(d);
  const options = { key: key(0), batchSize: 2000 };
  for await (const { points, count } of rowsInOrder(fitted, options)) {
    for (let i = 0; i < count; i++) for (let j = 0; j < d; j++) mean[j]! += points[i * d + j]! / fitted.count;
  }
  const covariance = new Float64Array(d * d);
  for await (const { points, count } of rowsInOrder(fitted, options)) {
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < d; j++) {
        const deviation = (points[i * d + j]! - mean[j]!) / (fitted.count - 1);
        for (let k = 0; k <= j; k++) covariance[j * d + k]! += deviation * (points[i * d + k]! - mean[k]!);
      }
    }
  }
  const factor = cholesky(covariance, d);
  let logDeterminant = 0;
  for (let j = 0; j < d; j++) logDeterminant += 2 * Math.log(factor[j * d + j]!);
  let total = 0;
  const solved = new Float64Array(d);
  for await (const { points, count } of rowsInOrder(scored, options)) {
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < d; j++) {
        let rest = points[i * d + j]! - mean[j]!;
        for (let k = 0; k < j; k++) rest -= factor[j * d + k]! * solved[k]!;
        solved[j] = rest / factor[j * d + j]!;
        total -= 0.5 * solved[j]! ** 2;
      }
    }
  }
  return total / scored.count - 0.5 * (d * Math.log(2 * Math.PI) + logDeterminant);
}

/** The lower triangular factor; of the matrix only its lower triangle is read. */
function cholesky(matrix: Float64Array, d: number): Float64Array {
  const factor = matrix.slice();
  for (let j = 0; j < d; j++) {
    for (let k = 0; k <= j; k++) {
      let rest = factor[j * d + k]!;
      for (let m = 0; m < k; m++) rest -= factor[j * d + m]! * factor[k * d + m]!;
      factor[j * d + k] = j === k ? Math.sqrt(rest) : rest / factor[k * d + k]!;
    }
  }
  return factor;
}
