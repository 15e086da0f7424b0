import type { Cnf, Flow } from '@sparseflow/cnf';
import { evaluateNll, exact, hutchinson, lossAndGradInParts } from '@sparseflow/cnf';
import { toTensor } from '@sparseflow/datasets';
import { dopri5 } from '@sparseflow/ode-solvers';
import type { Backend, Params, Tensor } from '@sparseflow/tensor';
import { activations, add, matMul, tensor } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Quantity } from '../results/schema.ts';
import type { MlpNet } from '../study.ts';
import { isMlp } from '../study.ts';
import { drawImages, sampleImages } from './drawImages.ts';
import { drawFlow } from './evaluate.ts';
import { flowOf } from './model.ts';
import { prunedFlow } from './prunedFlow.ts';
import type { Task } from './task.ts';

/** Tangents that are computed at once with the exact trace, over all rows. */
const tangentsAtOnce = 2 ** 16;

/**
 * Density estimation by a continuous normalizing flow. In training the trace is estimated, with fresh noise in each step. Otherwise it is
 * exact; of images, whose dimensions are hundreds or thousands, it stays an estimate.
 */
export function densityTask(config: PointConfig, backend: Backend, flow: Flow = flowOf(config)): Task {
  const { net } = config;
  const divergence = config.divergence === 'exact' ? exact() : hutchinson({ noise: 'gaussian' });
  const images = !isMlp(net) && net.kind === 'multiscale';
  const estimated: NonNullable<Task['estimatedNll']> = async (params, { points }, key) =>
    (await evaluateNll(flow, params, points, { backend, divergence, key, batchSize: images ? 128 : 2048 })).nll;
  const exactly: Task['nll'] = async (params, { points }) => {
    const batchSize = isMlp(net) ? undefined : Math.max(32, Math.floor(tangentsAtOnce / flow.dim));
    const accurate = config.evaluation.solver && { solver: dopri5, ...config.evaluation.solver };
    return (await evaluateNll(flow, params, points, { backend, ...accurate, ...(batchSize && { batchSize }) })).nll;
  };
  return {
    neurons: flow.neurons,
    ...(flow.positions && { positions: flow.positions }),
    async lean(model) {
      const { flow: pruned, dispose } = await prunedFlow(flow, model);
      return { task: densityTask(config, backend, pruned), dispose };
    },
    init: (key) => flow.init(key, { backend }),
    async lossAndGrad(params, batch, key) {
      const x = toTensor(batch, { backend });
      try {
        return await lossAndGradInParts(flow, params, x, {
          rows: config.training.rowsAtOnce ?? batch.count,
          divergence,
          key,
        });
      } finally {
        x.dispose();
      }
    },
    nll: images ? estimated : exactly,
    ...(isMlp(net) ? {} : { estimatedNll: estimated }),
    ...(isMlp(net) && {
      layerInputs: (params, { points, count, dim }) =>
        layerInputs(params, tensor(points, { backend, shape: [count, dim] }), net),
    }),
    ...(images && {
      quantities: (_params, _data, { testNll }) => Promise.resolve({ bitsPerDim: bitsPerDimension(testNll, flow.dim) }),
    }),
    ...(images && { sample: (params) => sampleImages(flow, params, config, net.shape, backend) }),
    draw: (params, data, extent) =>
      images
        ? drawImages(flow, params, data, config, net.shape, backend)
        : drawFlow(flow as Cnf, params, data.whole!, config, extent, backend),
  };
}

/** Intensities are (pixel + U[0, 1)) / 256: of the pixels themselves, in bits. */
export function bitsPerDimension(nll: number, dim: number): Quantity {
  return { value: (nll / dim + Math.log(256)) / Math.LN2, standardError: null };
}

/** The activations of a multilayer perceptron that precede each of its weights. */
export function layerInputs(params: Params, x: Tensor, net: MlpNet): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  let z = x;
  for (let i = 0; i < net.layers; i++) {
    inputs[`layers.${i}.weight`] = z;
    const u = add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
    z = activations[net.activation].apply(u);
  }
  return inputs;
}
