import { add, key, matMul, mean, randomNormal, splitKey, square, sub, tanh } from '@sparseflow/tensor';
import type { Backend, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import { objectiveOf } from './objective.ts';
import type { Objective } from './objective.ts';

/** A chain of linear layers, [out, in] weights, with all its hidden units prunable. */
export interface Chain {
  readonly params: Record<string, Tensor>;
  readonly neurons: readonly NeuronGroup[];
}

/** Groups of a chain of linear layers: a unit's row, its bias, and the column that reads it. */
export function chainNeurons(hidden: readonly number[]): NeuronGroup[] {
  return hidden.map((size, i) => ({
    name: `layers.${i}`,
    size,
    axes: [
      { param: `layers.${i}.weight`, axis: 0, role: 'out' },
      { param: `layers.${i}.bias`, axis: 0, role: 'bias' },
      { param: `layers.${i + 1}.weight`, axis: 1, role: 'in' },
    ],
  }));
}

export function chain(backend: Backend, widths: readonly number[], seed = 0): Chain {
  const keys = splitKey(key(seed), 2 * widths.length);
  const params: Record<string, Tensor> = {};
  widths.slice(1).forEach((out, i) => {
    params[`layers.${i}.weight`] = randomNormal(keys[2 * i]!, [out, widths[i]!], { backend });
    params[`layers.${i}.bias`] = randomNormal(keys[2 * i + 1]!, [out], { backend });
  });
  return { params, neurons: chainNeurons(widths.slice(1, -1)) };
}

/** A small regression with any chain: tanh layers, inputs and targets drawn by the batch's number. */
export function chainObjective(batches = 2): Objective {
  const forward = (params: Params, batch: number) => {
    const { backend, dtype, shape } = params['layers.0.weight']!;
    const options = { backend, dtype: dtype as 'float64' };
    const layers = Object.keys(params).filter((name) => name.endsWith('weight')).length;
    let z = randomNormal(key(2 * batch), [5, shape[1]!], options);
    const inputs: Record<string, Tensor> = {};
    for (let i = 0; i < layers; i++) {
      inputs[`layers.${i}.weight`] = z;
      z = add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
      if (i < layers - 1) z = tanh(z);
    }
    return { inputs, loss: mean(square(sub(z, randomNormal(key(2 * batch + 1), z.shape, options)))) };
  };
  return objectiveOf(
    (params, batch) => forward(params, batch).loss,
    batches,
    (params, batch) => forward(params, batch).inputs,
  );
}
