import { add, affine, broadcastTo, div, exp, log, mean, mul, neg, ones, scope, sqrt, square } from '@sparseflow/tensor';
import { sub, sum, zeros } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import type { Transform } from './transform.ts';
import { transformOf } from './transformOf.ts';

export interface MovingBatchNormOptions {
  readonly dim: number;
  /** How far the statistics move towards a batch's, default 0.1. */
  readonly decay?: number;
  /** Added to variances. Default 1e-4. */
  readonly epsilon?: number;
}

/**
 * FFJORD's moving batch norm: z = (x - m) / √(v + ε) · exp(w) + b by moving averages m and v, so that each sample is transformed on its own, in
 * training too. `mean` and `variance` are measured, not trained: `lossAndGrad` of a flow has no gradient for them, and `observe` gives
 * what they are after a batch. Train the others, and put what `observe` gives back into the parameters before each step.
 */
export function movingBatchNorm({ dim, decay = 0.1, epsilon = 1e-4 }: MovingBatchNormOptions): Transform {
  const deviation = (params: Params): Tensor => sqrt(affine(params['variance']!, 1, epsilon));
  const logDet = (params: Params, x: Tensor): Tensor => {
    const total = sum(sub(params['weight']!, log(deviation(params))));
    return broadcastTo(total, [x.shape[0]!]);
  };
  return {
    ...transformOf({
      dim,
      init: (_, options) => ({
        weight: zeros([dim], options),
        bias: zeros([dim], options),
        mean: zeros([dim], options),
        variance: ones([dim], options),
      }),
      forward: (params, x) =>
        scope(() => {
          const standard = div(sub(x, params['mean']!), deviation(params));
          return {
            z: add(mul(standard, exp(params['weight']!)), params['bias']!),
            logDet: logDet(params, x),
          };
        }),
      inverse: (params, z) =>
        scope(() => {
          const standard = mul(sub(z, params['bias']!), exp(neg(params['weight']!)));
          return { z: add(mul(standard, deviation(params)), params['mean']!), logDet: neg(logDet(params, z)) };
        }),
    }),
    statistics: ['mean', 'variance'],
    async observe(params, x) {
      return scope(() => {
        const center = mean(x, 0);
        // Of a sample, as PyTorch's default: one less in the denominator.
        const variance = mul(mean(square(sub(x, center)), 0), x.shape[0]! / Math.max(1, x.shape[0]! - 1));
        const moved = (from: Tensor, to: Tensor): Tensor => add(mul(from, 1 - decay), mul(to, decay));
        return { mean: moved(params['mean']!, center), variance: moved(params['variance']!, variance) };
      });
    },
  };
}
