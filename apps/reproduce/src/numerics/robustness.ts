import type { NeuralOde } from '@sparseflow/cnf';
import { evaluateLogits } from '@sparseflow/cnf';
import type { Split } from '@sparseflow/datasets';
import { fold, normal } from '@sparseflow/tensor';
import type { Backend, Key, Params } from '@sparseflow/tensor';
import type { Quantity } from '../results/schema.ts';
import type { Segments } from './boundary.ts';
import { margins, quantile, zeroLine } from './boundary.ts';
import { gridCentres } from './evaluate.ts';

/** The plane as a classifier of two classes sees it. */
export interface Plane {
  /** Logit of class 1 less that of class 0 at the cell centres, [side, side], rows from the lowest y up. */
  readonly difference: Float64Array;
  /** Where it is zero: the decision boundary. */
  readonly boundary: Segments;
}

/** Evaluates a classifier of two classes on a square. */
export async function seePlane(
  model: NeuralOde,
  params: Params,
  side: number,
  extent: number,
  backend: Backend,
): Promise<Plane> {
  const logits = await evaluateLogits(model, params, gridCentres(side, extent), { backend });
  const difference = Float64Array.from({ length: side * side }, (_, i) => logits[2 * i + 1]! - logits[2 * i]!);
  return { difference, boundary: zeroLine(difference, side, extent) };
}

/** Mean, 5 % quantile and least of the points' margins; see `margins`. */
export function marginQuantities(
  { boundary }: Plane,
  extent: number,
  { points, labels }: Split,
  predicted: Int32Array,
): Readonly<Record<'margin' | 'marginLow' | 'marginLeast', Quantity>> {
  const right = Array.from(predicted, (label, i) => label === labels![i]);
  const all = margins(boundary, extent, points, right);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return {
    margin: { value: mean, standardError: null },
    marginLow: { value: quantile(all, 0.05), standardError: null },
    marginLeast: { value: quantile(all, 0), standardError: null },
  };
}

/**
 * The accuracy when Gaussian noise is added to the inputs, labels unchanged: mean over `repeats` draws of noise for all points, with the
 * standard error of that mean over the draws. The key decides the noise, so models that share it see the same.
 *
 * @param sigma standard deviation of the noise in each coordinate, in units of the data
 */
export async function noisyAccuracy(
  model: NeuralOde,
  params: Params,
  { points, labels, count }: Split,
  { sigma, repeats, key, backend }: { sigma: number; repeats: number; key: Key; backend: Backend },
): Promise<Quantity> {
  const noisy = new Float64Array(repeats * points.length);
  for (let draw = 0; draw < repeats; draw++) {
    const noise = normal(fold(key, draw), points.length);
    for (let i = 0; i < points.length; i++) noisy[draw * points.length + i] = points[i]! + sigma * noise[i]!;
  }
  const logits = await evaluateLogits(model, params, noisy, { backend });
  const { classes } = model;
  const accuracies = new Float64Array(repeats);
  for (let row = 0; row < repeats * count; row++) {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    if (own.indexOf(Math.max(...own)) === labels![row % count]) accuracies[Math.floor(row / count)]! += 1 / count;
  }
  const mean = accuracies.reduce((sum, value) => sum + value, 0) / repeats;
  const variance = accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, repeats - 1);
  return { value: mean, standardError: repeats > 1 ? Math.sqrt(variance / repeats) : null };
}
