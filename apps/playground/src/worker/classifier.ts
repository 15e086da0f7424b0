import { evaluateClassifier, evaluateLogits, neuralOde, type Field } from '@sparseflow/cnf';
import { labelsToTensor, toTensor } from '@sparseflow/datasets';
import { disposeTree, tensor, type Backend, type Params } from '@sparseflow/tensor';
import type { Settings } from '../settings.ts';
import { firstRows } from './data.ts';
import { joined } from './density.ts';
import { fieldOnGrid, gridCentres, PARTICLES, TIMES, type Drawn, type Look, type Model } from './model.ts';

/** Two classes told apart by a neural ODE, whose final state is the logits: the paper's Figure 9. */
export function classifier(field: Field, { tolerance }: Settings, backend: Backend): Omit<Model, 'resize'> {
  const model = neuralOde({ field, classes: 2, readout: 'state', rtol: tolerance, atol: tolerance });

  const decision = async (params: Params, { side, extent }: Look): Promise<Drawn> => {
    const logits = await evaluateLogits(model, params, gridCentres(side, extent), { backend });
    const values = Float32Array.from({ length: side * side }, (_, i) => sigmoid(logits[2 * i + 1]! - logits[2 * i]!));
    return { side, values };
  };
  const draw: Readonly<Record<Look['view'], (params: Params, look: Look) => Promise<Drawn>>> = {
    density: decision,
    // A classifier has no samples.
    samples: decision,
    field: (params, look) => fieldOnGrid(field, params, look, backend),
    async trajectories(params, { points }) {
      const some = firstRows(points, PARTICLES);
      const x = toTensor(some, { backend });
      const states = await model.trajectory(params, x, TIMES).finally(() => x.dispose());
      const labels = Uint8Array.from(some.labels!);
      const paths = { times: TIMES, count: some.count, values: await joined(states), labels };
      return { side: 0, values: new Float32Array(0), paths };
    },
  };

  return {
    neurons: model.neurons,
    init: (key) => model.init(key, { backend }),
    async lossAndGrad(params, batch) {
      const held = [toTensor(batch, { backend }), labelsToTensor(batch, { backend })] as const;
      return model.lossAndGrad(params, ...held).finally(() => disposeTree(held));
    },
    async measure(params, { points, labels }) {
      const { loss, accuracy, standardError } = await evaluateClassifier(model, params, points, labels!, { backend });
      return { nll: loss, accuracy, standardError };
    },
    look: (params, look) => draw[look.view](params, look),
    async frozenLoss(params, { points, labels, count, dim }) {
      const x = tensor(points, { backend, shape: [count, dim] });
      const y = tensor(labels!, { backend, dtype: 'int32' });
      try {
        const frozen = await model.frozenLoss(params, x, y);
        return {
          ...frozen,
          dispose() {
            frozen.dispose();
            disposeTree([x, y]);
          },
        };
      } catch (error) {
        disposeTree([x, y]);
        throw error;
      }
    },
  };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
