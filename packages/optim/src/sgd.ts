import { add, affine, mul, scope, sub, zerosLike, type Params } from '@sparseflow/tensor';
import { checkRange, checkUpdate, learningRateAt, type LearningRate, type Optimizer } from './optimizer.ts';

export interface SgdOptions {
  readonly learningRate: LearningRate;
  /** Weight of the past in the running sum of gradients. Default 0: no sum is kept. */
  readonly momentum?: number;
  /** Gradients enter the running sum times 1 - dampening, except the first. Default 0. */
  readonly dampening?: number;
  /** Looks one momentum step ahead (Sutskever et al. 2013). Default false. */
  readonly nesterov?: boolean;
  /** Times the parameter, added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/** `momentum` is empty without momentum. */
export type SgdState = { readonly step: number; readonly momentum: Params };

/**
 * Stochastic gradient descent: g ← ∇ + weightDecay · p; m ← momentum · m + (1 - dampening) · g; p ← p - learningRate · m, or with
 * `nesterov` p ← p - learningRate · (g + momentum · m). The same conventions as PyTorch's SGD.
 *
 * @throws {ValueError} when an option is out of range
 *
 * @example
 * ```ts
 * import { sgd } from '@sparseflow/optim';
 * import { mul, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const optimizer = sgd({ learningRate: 0.25 });
 * const params = { x: tensor([1, -2], { backend }) };
 * const grads = { x: mul(params.x, 2) }; // of x²
 * const next = optimizer.update(grads, optimizer.init(params), params);
 * console.log(next.params.x!.dataSync()); // [0.5, -1]
 * ```
 */
export function sgd(options: SgdOptions): Optimizer<SgdState> {
  const { learningRate, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  checkRange('sgd', 'momentum', momentum, 0, Infinity);
  checkRange('sgd', 'weightDecay', weightDecay, 0, Infinity);
  return {
    init: (params) => ({ step: 0, momentum: momentum === 0 ? {} : mapParams(params, zerosLike) }),
    update: (grads, state, params, { masks, learningRate: override } = {}) =>
      scope(() => {
        checkUpdate('sgd', grads, params, masks);
        const rate = learningRateAt('sgd', learningRate, state.step, override);
        const decayed = mapParams(params, (p, name) =>
          weightDecay === 0 ? grads[name]! : add(grads[name]!, affine(p, weightDecay)),
        );
        const entering = state.step === 0 ? 1 : 1 - dampening;
        const running = mapParams(state.momentum, (m, name) =>
          add(affine(m, momentum), affine(decayed[name]!, entering)),
        );
        const moved = mapParams(params, (p, name) => {
          const g = decayed[name]!;
          const m = running[name];
          const direction = !m ? g : nesterov ? add(g, affine(m, momentum)) : m;
          const next = sub(p, affine(direction, rate));
          const mask = masks?.[name];
          return mask ? mul(next, mask) : next;
        });
        return { params: moved, state: { step: state.step + 1, momentum: running } };
      }),
  };
}

function mapParams(params: Params, f: (x: Params[string], name: string) => Params[string]): Params {
  return Object.fromEntries(Object.entries(params).map(([name, x]) => [name, f(x, name)]));
}
