import type { NeuralOde } from '@sparseflow/cnf';
import { evaluateClassifier, neuralOde } from '@sparseflow/cnf';
import type { Dataset } from '@sparseflow/datasets';
import { labelsToTensor, toTensor } from '@sparseflow/datasets';
import { shrink } from '@sparseflow/pruning';
import type { Backend, Params } from '@sparseflow/tensor';
import { disposeTree, fold, tensor } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Quantity } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import { layerInputs } from './density.ts';
import type { MlpNet } from '../study.ts';
import { gridCentres } from './evaluate.ts';
import { fieldOf, keysOf, solverOf } from './model.ts';
import { marginQuantities, noisyAccuracy, seePlane } from './robustness.ts';
import type { Task } from './task.ts';

/**
 * The classifier of a point: an MLP field without time, integrated from 0 to 1, whose final state is the two logits. That is the
 * original's model, which has no layer after the differential equation.
 */
export function classifierOf(config: PointConfig): NeuralOde {
  return neuralOde({ field: fieldOf(config.net), classes: 2, readout: 'state', ...solverOf(config) });
}

/** Classification by a neural ODE, with its robustness. */
export function classificationTask(
  config: PointConfig,
  backend: Backend,
  model: NeuralOde = classifierOf(config),
): Task {
  const task: Task = {
    neurons: model.neurons,
    async lean({ params, masks }) {
      if (Object.keys(masks).length === 0) return { task, dispose: () => undefined };
      const small = await shrink(model, params, masks);
      const { lossAndGrad, nll } = classificationTask(config, backend, small.model);
      const inSmall = async <T>(full: Params, compute: (left: Params) => Promise<T>): Promise<T> => {
        const left = small.take(full);
        return compute(left).finally(() => disposeTree(left));
      };
      return {
        task: {
          ...task,
          lossAndGrad: (full, batch, key) =>
            inSmall(full, async (left) => {
              const { grads, ...rest } = await lossAndGrad(left, batch, key);
              const expanded = small.expand(grads);
              disposeTree(grads);
              return { ...rest, grads: expanded };
            }),
          nll: (full, split, key) => inSmall(full, (left) => nll(left, split, key)),
        },
        dispose: small.dispose,
      };
    },
    init: (key) => model.init(key, { backend }),
    async lossAndGrad(params, batch) {
      const [x, labels] = [toTensor(batch, { backend }), labelsToTensor(batch, { backend })];
      return model.lossAndGrad(params, x, labels).finally(() => disposeTree([x, labels]));
    },
    nll: async (params, { points, labels }) =>
      (await evaluateClassifier(model, params, points, labels!, { backend })).loss,
    layerInputs: (params, batch) => layerInputs(params, toTensor(batch, { backend }), config.net as MlpNet),
    quantities: (params, { whole }) => robustnessOf(model, params, whole!, config, backend),
    draw: (params, { whole }, extent) => drawClassifier(model, params, whole!, config, extent, backend),
  };
  return task;
}

/** The accuracy on each split, and how far the test points are from another decision. Accuracies are in percent. */
async function robustnessOf(
  model: NeuralOde,
  params: Params,
  { train, validation, test }: Dataset,
  config: PointConfig,
  backend: Backend,
): Promise<Record<string, Quantity>> {
  const evaluate = ({ points, labels }: Dataset['test']) =>
    evaluateClassifier(model, params, points, labels!, { backend });
  const percent = ({ accuracy }: { readonly accuracy: number }): Quantity => ({
    value: 100 * accuracy,
    standardError: null,
  });
  const tested = await evaluate(test);
  const found: Record<string, Quantity> = {
    trainAccuracy: percent(await evaluate(train)),
    validationAccuracy: percent(await evaluate(validation)),
    testAccuracy: percent(tested),
  };
  const { robustness } = config.evaluation;
  if (robustness === undefined) return found;
  const { grid, extent, sigmas, repeats } = robustness;
  const plane = await seePlane(model, params, grid, extent, backend);
  Object.assign(found, marginQuantities(plane, extent, test, tested.predicted));
  for (const [i, sigma] of sigmas.entries()) {
    const key = fold(keysOf(config).analysis, i);
    const { value, standardError } = await noisyAccuracy(model, params, test, { sigma, repeats, key, backend });
    found[`noise${sigma}`] = { value: 100 * value, standardError: standardError === null ? null : 100 * standardError };
  }
  return found;
}

/** States on each way through the depth, the first and the last included. */
const times = 41;

/** The plane as the classifier sees it, the field at depth 0, and the ways of the first test points through the depth. */
async function drawClassifier(
  model: NeuralOde,
  params: Params,
  { test }: Dataset,
  config: PointConfig,
  extent: number,
  backend: Backend,
): Promise<Artefact> {
  const { grid: side, samples } = config.evaluation;
  const { difference } = await seePlane(model, params, side, extent, backend);
  const count = Math.min(samples, test.count);
  const centres = tensor(gridCentres(side, extent), { backend, shape: [side * side, 2] });
  const starts = tensor(test.points.subarray(0, 2 * count), { backend, shape: [count, 2] });
  const field = model.field.apply(params, 0, centres);
  const path = await model.trajectory(
    params,
    starts,
    Array.from({ length: times }, (_, i) => i / (times - 1)),
  );
  try {
    const trajectories = new Float32Array(count * times * 2);
    for (const [i, state] of path.entries()) {
      const values = await state.data();
      for (let n = 0; n < count; n++)
        for (const k of [0, 1]) trajectories[2 * (n * times + i) + k] = values[2 * n + k]!;
    }
    return {
      extent,
      arrays: {
        difference: { shape: [side, side], values: Float32Array.from(difference) },
        field: { shape: [side, side, 2], values: Float32Array.from(await field.data()) },
        trajectories: { shape: [count, times, 2], values: trajectories },
        ...(config.method === 'dense'
          ? {
              data: { shape: [test.count, 2], values: Float32Array.from(test.points) },
              labels: { shape: [test.count], values: Float32Array.from(test.labels!) },
            }
          : {}),
      },
    };
  } finally {
    disposeTree([centres, starts, field, path]);
  }
}
