import { ShapeError, tensor, ValueError } from '@sparseflow/tensor';
import type { Backend, FloatDType, Params } from '@sparseflow/tensor';
import type { Flow } from './flow.ts';
import type { CallOptions } from './transforms/transform.ts';

export interface EvaluateOptions extends CallOptions {
  readonly backend: Backend;
  readonly dtype?: FloatDType;
  /** Points per solve. Each batch has its own step sizes, as in training. Default 4096. */
  readonly batchSize?: number;
}

export interface Evaluation {
  /** Mean of -log p in nats. */
  readonly nll: number;
  /** Standard error of that mean over the points. */
  readonly standardError: number;
  /** -log p of every point, in order. */
  readonly perPoint: Float64Array;
}

/**
 * The negative log-likelihood of a data set, batch by batch, accumulated in float64.
 *
 * @param points row-major [n, dim]
 * @throws {ShapeError} when the points do not fill whole rows
 * @throws {ValueError} for an empty set or batch
 */
export async function evaluateNll(
  flow: Flow,
  params: Params,
  points: Float64Array,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { backend, dtype, batchSize = 4096 } = options;
  const { dim } = flow;
  const count = points.length / dim;
  if (!Number.isInteger(count))
    throw new ShapeError('evaluateNll', `${points.length} numbers in rows of ${dim}`, 'give whole rows');
  if (count === 0 || batchSize < 1)
    throw new ValueError('evaluateNll', `${count} points in batches of ${batchSize}`, 'give at least one of each');
  const perPoint = new Float64Array(count);
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(start + batchSize, count);
    const x = tensor(points.subarray(start * dim, end * dim), {
      backend,
      shape: [end - start, dim],
      ...(dtype && { dtype }),
    });
    try {
      const logProb = await flow.logProb(params, x, options);
      (await logProb.data()).forEach((value, i) => (perPoint[start + i] = -value));
      logProb.dispose();
    } finally {
      x.dispose();
    }
  }
  const nll = perPoint.reduce((total, value) => total + value, 0) / count;
  const variance = perPoint.reduce((total, value) => total + (value - nll) ** 2, 0) / Math.max(1, count - 1);
  return { nll, standardError: Math.sqrt(variance / count), perPoint };
}
