import { sparseMasks, sparsify } from '@sparseflow/backend-cpu';
import type { Cnf, Flow } from '@sparseflow/cnf';
import { shrink } from '@sparseflow/pruning';
import { disposeTree, scope } from '@sparseflow/tensor';
import type { Masks, Params } from '@sparseflow/tensor';

/** A flow that is computed without what its masks remove. */
export interface PrunedFlow<F extends Flow = Flow> {
  /** Takes and gives parameters and gradients in their full shapes; its numbers are those of the masked flow up to rounding. */
  readonly flow: F;
  dispose(): void;
}

/**
 * Uses what pruning saves: neurons that nothing reads are left out, and weights of which few survive run sparse where the backend has
 * kernels for that. Training, checkpoints and results see the flow that they know.
 *
 * @param params of the shapes that the flow has; their values do not matter
 */
export async function prunedFlow<F extends Flow>(
  flow: F,
  { params, masks }: { readonly params: Params; readonly masks: Masks },
): Promise<PrunedFlow<F>> {
  if (!flow.resize || Object.keys(masks).length === 0) return { flow, dispose: () => undefined };
  const small = await shrink<Flow & Partial<Pick<Cnf, 'trajectory'>>>(
    { neurons: flow.neurons, resize: flow.resize },
    params,
    masks,
  );
  const { trajectory } = small.model;
  const sparse = sparseMasks(small.masks);
  const lend =
    <Args extends unknown[], Result>(call: (params: Params, ...args: Args) => Promise<Result>) =>
    async (full: Params, ...args: Args): Promise<Result> => {
      const left = scope(() => sparsify(small.take(full), sparse));
      try {
        return await call(left, ...args);
      } finally {
        disposeTree(left);
      }
    };
  const lossAndGrad = lend(small.model.lossAndGrad);
  return {
    flow: {
      // Second derivatives are wanted in all directions, those of the masked weights too: frozenLoss stays.
      ...flow,
      forward: lend(small.model.forward),
      inverse: lend(small.model.inverse),
      logProb: lend(small.model.logProb),
      sample: lend(small.model.sample),
      sampleAndLogProb: lend(small.model.sampleAndLogProb),
      ...(trajectory && { trajectory: lend(trajectory) }),
      async lossAndGrad(full, ...rest) {
        const { grads, ...result } = await lossAndGrad(full, ...rest);
        const expanded = small.expand(grads);
        disposeTree(grads);
        return { ...result, grads: expanded };
      },
    },
    dispose: small.dispose,
  };
}
