import { adamUpdate, scope, zerosLike, type Params, type Tensor } from '@sparseflow/tensor';
import { checkRange, checkUpdate, learningRateAt, type LearningRate, type Optimizer } from './optimizer.ts';

export interface AdamOptions {
  /** Default 1e-3. */
  readonly learningRate?: LearningRate;
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0 for `adam`, 0.01 for `adamW`. */
  readonly weightDecay?: number;
}

/** First and second moments, one of each per parameter. */
export type AdamState = { readonly step: number; readonly mean: Params; readonly variance: Params };

/**
 * Adam (Kingma & Ba 2015, algorithm 1). Weight decay is the L2 kind: it is added to the gradient, as PyTorch's Adam does. A step is one
 * operation for each parameter on backends that have a kernel for it.
 *
 * @throws {ValueError} when an option is out of range
 *
 * @example
 * ```ts
 * import { adam } from '@sparseflow/optim';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const optimizer = adam({ learningRate: 0.1 });
 * const params = { w: tensor([1, 1], { backend }) };
 * const grads = { w: tensor([5, -0.5], { backend }) };
 * const { params: next } = optimizer.update(grads, optimizer.init(params), params);
 * console.log([...next.w!.dataSync()].map((x) => x.toFixed(3))); // ['0.900', '1.100']: the first step ignores the scale
 * ```
 */
export function adam(options: AdamOptions = {}): Optimizer<AdamState> {
  return moments('adam', { weightDecay: 0, ...options }, false);
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2): parameters shrink by learningRate · weightDecay per step,
 * independently of the gradient's scale.
 *
 * @throws {ValueError} when an option is out of range
 *
 * @example
 * ```ts
 * import { adamW, chain, clipByGlobalNorm, cosine } from '@sparseflow/optim';
 *
 * const optimizer = chain(clipByGlobalNorm(1), adamW({ learningRate: cosine({ initial: 1e-3, period: 1000 }) }));
 * console.log(Object.keys(optimizer)); // ['init', 'update']
 * ```
 */
export function adamW(options: AdamOptions = {}): Optimizer<AdamState> {
  return moments('adamW', { weightDecay: 0.01, ...options }, true);
}

function moments(
  op: string,
  options: AdamOptions & { readonly weightDecay: number },
  decoupled: boolean,
): Optimizer<AdamState> {
  const { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay } = options;
  checkRange(op, 'beta1', beta1, 0, 1);
  checkRange(op, 'beta2', beta2, 0, 1);
  checkRange(op, 'epsilon', epsilon, 0, Infinity);
  checkRange(op, 'weightDecay', weightDecay, 0, Infinity);
  const zeros = (params: Params): Params =>
    Object.fromEntries(Object.entries(params).map(([name, p]) => [name, zerosLike(p)]));
  return {
    init: (params) => ({ step: 0, mean: zeros(params), variance: zeros(params) }),
    update: (grads, state, params, { masks, learningRate: override } = {}) =>
      scope(() => {
        checkUpdate(op, grads, params, masks);
        const rate = learningRateAt(op, learningRate, state.step, override);
        const step = state.step + 1;
        const constants = { learningRate: rate, beta1, beta2, epsilon, weightDecay, decoupled, step };
        const next: Record<'params' | 'mean' | 'variance', Record<string, Tensor>> = {
          params: {},
          mean: {},
          variance: {},
        };
        for (const [name, param] of Object.entries(params)) {
          const updated = adamUpdate(
            {
              param,
              gradient: grads[name]!,
              mean: state.mean[name]!,
              variance: state.variance[name]!,
              mask: masks?.[name],
            },
            constants,
          );
          next.params[name] = updated.param;
          next.mean[name] = updated.mean;
          next.variance[name] = updated.variance;
        }
        return { params: next.params, state: { step, mean: next.mean, variance: next.variance } };
      }),
  };
}
