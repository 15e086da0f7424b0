import type { Rows } from '@sparseflow/datasets';
import { rowsInOrder } from '@sparseflow/datasets';
import { key } from '@sparseflow/tensor';
import { mappedRows } from './mappedRows.ts';

/** A normal distribution: its mean, and the Cholesky factor [dim, dim] of its covariance, row by row. */
export interface Gaussian {
  readonly mean: Float64Array;
  readonly factor: Float64Array;
}

const rowsAtOnce = 4096;

async function eachRow(rows: Rows, visit: (points: Float64Array, at: number) => void): Promise<void> {
  for await (const { points, count } of rowsInOrder(rows, { key: key(0), batchSize: rowsAtOnce }))
    for (let row = 0; row < count; row++) visit(points, row * rows.dim);
}

/** The normal distribution with the rows' mean and (ddof 0) covariance, which is the one of highest likelihood; in two passes over them. */
export async function fitGaussian(rows: Rows): Promise<Gaussian> {
  const { dim, count } = rows;
  const mean = new Float64Array(dim);
  await eachRow(rows, (points, at) => {
    for (let i = 0; i < dim; i++) mean[i]! += points[at + i]! / count;
  });
  const covariance = new Float64Array(dim * dim);
  const centred = new Float64Array(dim);
  await eachRow(rows, (points, at) => {
    for (let i = 0; i < dim; i++) centred[i] = points[at + i]! - mean[i]!;
    for (let i = 0; i < dim; i++)
      for (let j = 0; j <= i; j++) covariance[i * dim + j]! += (centred[i]! * centred[j]!) / count;
  });
  return { mean, factor: cholesky(covariance, dim) };
}

/** The mean negative log-likelihood of rows, in nats. */
export async function gaussianNll(gaussian: Gaussian, rows: Rows): Promise<number> {
  const { dim, count } = rows;
  const constant = (dim / 2) * Math.log(2 * Math.PI) + logScale(gaussian);
  let squares = 0;
  const z = new Float64Array(dim);
  await eachRow(rows, (points, at) => {
    whiten(gaussian, points.subarray(at, at + dim), z);
    for (const each of z) squares += each ** 2;
  });
  return constant + squares / 2 / count;
}

/** The same rows in coordinates z in which the distribution is the standard one: x = mean + L z. */
export function whitened(rows: Rows, gaussian: Gaussian): Rows {
  return mappedRows(rows, rows.dim, (x, z) => whiten(gaussian, x, z));
}

/** log |dx/dz| of these coordinates. */
export function logScale({ mean: { length: dim }, factor }: Gaussian): number {
  let sum = 0;
  for (let i = 0; i < dim; i++) sum += Math.log(factor[i * dim + i]!);
  return sum;
}

function whiten({ mean, factor }: Gaussian, x: Float64Array, z: Float64Array): void {
  const dim = mean.length;
  for (let i = 0; i < dim; i++) {
    let left = x[i]! - mean[i]!;
    for (let j = 0; j < i; j++) left -= factor[i * dim + j]! * z[j]!;
    z[i] = left / factor[i * dim + i]!;
  }
}

/** L with L Lᵀ = A, of a symmetric A whose lower triangle is given. */
function cholesky(a: Float64Array, dim: number): Float64Array {
  const factor = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++)
    for (let j = 0; j <= i; j++) {
      let left = a[i * dim + j]!;
      for (let k = 0; k < j; k++) left -= factor[i * dim + k]! * factor[j * dim + k]!;
      // A column without any spread leaves nothing: NaN, and the point says so.
      factor[i * dim + j] = i === j ? Math.sqrt(left) : left / factor[j * dim + j]!;
    }
  return factor;
}
