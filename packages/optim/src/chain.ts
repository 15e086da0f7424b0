import { scope, type Params } from '@sparseflow/tensor';
import type { GradientTransform, Optimizer, OptimizerState, UpdateOptions } from './optimizer.ts';

/** The states of the parts, in order. */
export type ChainState = readonly OptimizerState[];

/**
 * Joins gradient transforms, applied from left to right, and the optimiser that takes the step. Transforms alone make one transform.
 *
 * @example
 * ```ts
 * import { adam, chain, clipByGlobalNorm, clipByValue } from '@sparseflow/optim';
 *
 * const clipping = chain(clipByValue(10), clipByGlobalNorm(1));
 * const optimizer = chain(clipping, adam({ learningRate: 5e-3, weightDecay: 1e-5 }));
 * console.log(Object.keys(optimizer)); // ['init', 'update']
 * ```
 */
export function chain(...parts: [...GradientTransform[], Optimizer]): Optimizer<ChainState>;
export function chain(...parts: GradientTransform[]): GradientTransform<ChainState>;
export function chain(...parts: (GradientTransform | Optimizer)[]): unknown {
  return {
    init: (params: Params) => parts.map((part) => part.init(params)),
    // A scope frees the gradients between the parts.
    update: (grads: Params, states: ChainState, params: Params, options?: UpdateOptions) =>
      scope(() => {
        let result: Partial<ReturnType<GradientTransform['update']> & ReturnType<Optimizer['update']>> = {
          updates: grads,
        };
        const state = parts.map((part, i) => {
          result = part.update(result.updates!, states[i]!, params, options);
          return result.state!;
        });
        return { ...result, state };
      }),
  };
}
