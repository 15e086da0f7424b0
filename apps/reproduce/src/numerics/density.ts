import type { Cnf } from '@sparseflow/cnf';
import { evaluateNll, exact, hutchinson } from '@sparseflow/cnf';
import { toTensor } from '@sparseflow/datasets';
import type { Backend, Params, Tensor } from '@sparseflow/tensor';
import { activations, add, matMul, tensor } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import { drawFlow } from './evaluate.ts';
import { flowOf } from './model.ts';
import { prunedFlow } from './prunedFlow.ts';
import type { Task } from './task.ts';

/** Density estimation by a continuous normalizing flow: the trace is estimated in training, with fresh noise in each step, and exact otherwise. */
export function densityTask(config: PointConfig, backend: Backend, flow: Cnf = flowOf(config)): Task {
  const divergence = config.divergence === 'exact' ? exact() : hutchinson({ noise: 'gaussian' });
  return {
    neurons: flow.field.neurons,
    async lean(model) {
      const { flow: pruned, dispose } = await prunedFlow(flow, model);
      return { task: densityTask(config, backend, pruned), dispose };
    },
    init: (key) => flow.init(key, { backend }),
    async lossAndGrad(params, batch, key) {
      const x = toTensor(batch, { backend });
      try {
        return await flow.lossAndGrad(params, x, { divergence, key });
      } finally {
        x.dispose();
      }
    },
    nll: async (params, { points }) => (await evaluateNll(flow, params, points, { backend })).nll,
    layerInputs: (params, { points, count, dim }) =>
      layerInputs(params, tensor(points, { backend, shape: [count, dim] }), config),
    draw: (params, data, extent) => drawFlow(flow, params, data, config, extent, backend),
  };
}

/** The activations of a multilayer perceptron that precede each of its weights. */
export function layerInputs(params: Params, x: Tensor, { net }: PointConfig): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  let z = x;
  for (let i = 0; i < net.layers; i++) {
    inputs[`layers.${i}.weight`] = z;
    const u = add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
    z = activations[net.activation].apply(u);
  }
  return inputs;
}
