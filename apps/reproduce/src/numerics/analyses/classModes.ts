import { rowsInOrder } from '@sparseflow/datasets';
import type { Mode, Rows } from '@sparseflow/datasets';
import { matMul, mul, scope, sum, tensor } from '@sparseflow/tensor';
import type { Backend, Key } from '@sparseflow/tensor';
import type { NearestModes } from './modeDistance.ts';
import { ratioOf } from './modeDistance.ts';

/** Rows whose labels are read at once. */
const atOnce = 128;

/** Mean and unbiased covariance of each class, the products by the backend, in single precision. One class at a time is in memory. */
export async function classModes(rows: Rows, key: Key, backend: Backend): Promise<Mode[]> {
  const rowsOf = new Map<number, number[]>();
  let row = 0;
  for await (const { labels } of rowsInOrder(rows, { key, batchSize: atOnce })) {
    for (const label of labels!) {
      const found = rowsOf.get(label);
      if (found) found.push(row);
      else rowsOf.set(label, [row]);
      row++;
    }
  }
  const modes: Mode[] = [];
  for (const [label, own] of [...rowsOf].sort(([a], [b]) => a - b)) {
    const { points, count, dim } = await rows.take(Int32Array.from(own), key);
    const mean = new Float64Array(dim);
    for (const [i, value] of points.entries()) mean[i % dim]! += value / count;
    const product = scope(() => {
      const deviations = tensor(deviationsFrom(mean, points), { backend, shape: [count, dim] });
      return matMul(deviations, deviations, { transposeA: true });
    });
    const covariance = Float64Array.from(await product.data(), (value) => value / (count - 1));
    product.dispose();
    modes.push({ label, count, mean, covariance });
  }
  return modes;
}

/** `nearestModes` in many dimensions, the products by the backend, in single precision. */
export async function nearestClasses(
  points: ArrayLike<number>,
  modes: readonly Mode[],
  backend: Backend,
): Promise<NearestModes> {
  const dim = modes[0]!.mean.length;
  const count = points.length / dim;
  const distances = new Float64Array(count).fill(Infinity);
  const nearest = new Int32Array(count);
  for (const [k, { mean, covariance }] of modes.entries()) {
    const [squares, spreads] = scope(() => {
      const deviations = tensor(deviationsFrom(mean, points), { backend, shape: [count, dim] });
      const along = matMul(deviations, tensor(covariance, { backend, shape: [dim, dim] }));
      return [sum(mul(deviations, deviations), [1]), sum(mul(deviations, along), [1])] as const;
    });
    const [squared, spread] = [await squares.data(), await spreads.data()];
    squares.dispose();
    spreads.dispose();
    for (let i = 0; i < count; i++) {
      const distance = ratioOf(squared[i]!, spread[i]!);
      // Where rounding makes a spread of about 0 negative, a sample is far from the mode.
      if (distance < distances[i]!) {
        distances[i] = distance;
        nearest[i] = k;
      }
    }
  }
  return { distances, nearest };
}

function deviationsFrom(mean: Float64Array, points: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: points.length }, (_, i) => points[i]! - mean[i % mean.length]!);
}
