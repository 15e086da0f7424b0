import type { Cnf } from '@sparseflow/cnf';
import { hutchinson } from '@sparseflow/cnf';
import type { Dataset } from '@sparseflow/datasets';
import type { Objective } from '@sparseflow/pruning';
import type { Backend, Params, Tensor } from '@sparseflow/tensor';
import { activations, add, fold, matMul, scope, tensor } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import { keysOf } from './model.ts';

/** Batches that a pruner looks at, and rows of each. */
const batches = 8;
const rows = 32;

/**
 * What pruners that look at data see of a point: gradients of the negative log-likelihood on the first training points, with the noise of
 * the trace fixed for each batch, and the activations of the field at these points. Splits are in random order.
 */
export function objectiveOfPoint(flow: Cnf, { train }: Dataset, config: PointConfig, backend: Backend): Objective {
  const divergence = hutchinson({ noise: 'gaussian' });
  const count = Math.max(1, Math.min(batches, Math.floor(train.points.length / train.dim / rows)));
  const batchOf = (batch: number): Tensor => {
    const values = train.points.subarray(batch * rows * train.dim, (batch + 1) * rows * train.dim);
    return tensor(Float64Array.from(values), { backend, shape: [values.length / train.dim, train.dim] });
  };
  return {
    batches: count,
    async gradient(params, batch) {
      const x = batchOf(batch);
      try {
        const key = fold(keysOf(config).prune, 1 + batch);
        const { loss, grads } = await flow.lossAndGrad(params, x, { divergence, key });
        loss.dispose();
        return grads;
      } finally {
        x.dispose();
      }
    },
    inputs: (params, batch) => scope(() => layerInputs(params, batchOf(batch), config)),
  };
}

function layerInputs(params: Params, x: Tensor, { net }: PointConfig): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  let z = x;
  for (let i = 0; i < net.layers; i++) {
    inputs[`layers.${i}.weight`] = z;
    const u = add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
    z = activations[net.activation].apply(u);
  }
  return inputs;
}
