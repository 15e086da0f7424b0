import { tensor } from '@sparseflow/tensor';
import type { Backend, Masks, NeuronGroup, Params } from '@sparseflow/tensor';
import { mul, tensor as tfTensor, tidy } from '@tensorflow/tfjs-core';
import type { CustomCallbackArgs, LayersModel } from '@tensorflow/tfjs-layers';

/** A layer's variable, such as its kernel. */
type Variable = LayersModel['weights'][number];

/** A model's variables by layer and kind, such as `hidden/kernel`: names that stay when the model is built again. */
function variablesOf(model: LayersModel): [name: string, variable: Variable][] {
  return model.layers.flatMap((layer) =>
    layer.weights.map((variable): [string, Variable] => [
      `${layer.name}/${variable.originalName.split('/').at(-1)!}`,
      variable,
    ]),
  );
}

/** Copies of a model's weights as the pruners take them: a record of tensors by name. */
export async function paramsOf(model: LayersModel, backend: Backend): Promise<Params> {
  const entries = variablesOf(model).map(async ([name, variable]) => {
    const values = await variable.read().data<'float32'>();
    return [name, tensor(values, { backend, dtype: 'float32', shape: variable.shape as number[] })] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Writes them back. */
export async function setParams(model: LayersModel, params: Params): Promise<void> {
  const values = variablesOf(model).map(async ([name]) => {
    const { shape } = params[name]!;
    return tfTensor(await params[name]!.data(), [...shape], 'float32');
  });
  const weights = await Promise.all(values);
  model.setWeights(weights);
  weights.forEach((weight) => weight.dispose());
}

/**
 * The neurons of a chain of dense layers. A kernel is [in, out]: a neuron is a column of its own layer's kernel, an entry of its bias, and
 * the row of the next kernel that reads it. What the last layer puts out is the prediction, and stays.
 */
export function neuronsOf(model: LayersModel): NeuronGroup[] {
  const dense = model.layers.filter((layer) => layer.weights.length > 0);
  return dense.slice(0, -1).map((layer, i) => ({
    name: layer.name,
    size: layer.weights[0]!.shape[1]!,
    axes: [
      { param: `${layer.name}/kernel`, axis: 1, role: 'out' },
      { param: `${layer.name}/bias`, axis: 0, role: 'bias' },
      { param: `${dense[i + 1]!.name}/kernel`, axis: 0, role: 'in' },
    ],
  }));
}

/** Callbacks for `model.fit` that keep pruned weights at zero while the others go on learning. */
export async function keepPruned(model: LayersModel, masks: Masks): Promise<CustomCallbackArgs> {
  const held = await Promise.all(
    variablesOf(model)
      .filter(([name]) => name in masks)
      .map(async ([name, variable]) => {
        const mask = masks[name]!;
        return { variable, mask: tfTensor(await mask.data(), [...mask.shape], 'float32') };
      }),
  );
  return {
    onBatchEnd: () => {
      for (const { variable, mask } of held) tidy(() => void variable.write(mul(variable.read(), mask)));
    },
    onTrainEnd: () => held.forEach(({ mask }) => mask.dispose()),
  };
}
