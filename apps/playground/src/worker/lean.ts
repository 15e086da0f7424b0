import { sparseMasks, sparsify } from '@sparseflow/backend-cpu';
import { shrink } from '@sparseflow/pruning';
import { disposeTree, scope, type Masks, type Params } from '@sparseflow/tensor';
import type { Model } from './model.ts';

/** A pruned model that is computed without what its masks remove; parameters and gradients have their full shapes outside. */
export interface Lean {
  /** Computes with the smaller model and its parameters, which end with the call. */
  use<T>(params: Params, compute: (model: Model, params: Params) => Promise<T>): Promise<T>;
  /** Gradients of the smaller model in the full shapes; takes them over. */
  expand(grads: Params): Params;
  dispose(): void;
}

/** Uses what pruning saves: neurons that nothing reads are left out, and weights of which few survive run sparse. */
export async function leanOf(model: Model, params: Params, masks: Masks): Promise<Lean> {
  const small = await shrink(model, params, masks);
  const sparse = sparseMasks(small.masks);
  return {
    use(full, compute) {
      const left = scope(() => sparsify(small.take(full), sparse));
      return compute(small.model, left).finally(() => disposeTree(left));
    },
    expand(grads) {
      const full = small.expand(grads);
      disposeTree(grads);
      return full;
    },
    dispose: small.dispose,
  };
}

/** Where nothing is pruned. */
export function wholeOf(model: Model): Lean {
  return { use: (params, compute) => compute(model, params), expand: (grads) => grads, dispose: () => undefined };
}
