import { disposeTree } from '@sparseflow/tensor';
import { PruningError } from '../errors.ts';
import { valuesOf } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireInputs, requireObjective } from './require.ts';

/**
 * Keeps the weights that contribute most to their neuron on some input: the largest |w_ij a_j| / Σ_k |w_ik a_k| over all rows of all
 * batches, over all layers together. That is the empirical sensitivity of SiPP (Baykal, Liebenwein, Gilitschenski, Feldman, Rus 2019,
 * "SiPPing Neural Networks"), with one sum for both signs, and used as a score instead of a sampling probability. For weights [out, in].
 * Needs an objective with `inputs`: the activations a; no gradients.
 */
export const activationSensitivity: Pruner = {
  name: 'activation-sensitivity',
  target: 'weights',
  scope: 'global',
  needs: ['objective', 'inputs'],
  async score(params, context) {
    const { candidates } = context;
    const { batches } = requireObjective('activation-sensitivity', context);
    const inputsOf = requireInputs('activation-sensitivity', context);
    const values = await valuesOf(params, candidates);
    const scores = Object.fromEntries(candidates.map((name) => [name, new Float64Array(params[name]!.size)]));
    for (let batch = 0; batch < batches; batch++) {
      const inputs = await inputsOf(params, batch);
      try {
        for (const name of candidates) {
          const { shape } = params[name]!;
          const given = inputs[name];
          if (shape.length !== 2 || given?.rank !== 2 || given.shape[1] !== shape[1]) {
            throw new PruningError(
              'activation-sensitivity',
              `'${name}' with shape [${shape}] has inputs of ${given ? `shape [${given.shape}]` : 'no shape'}`,
              'give weights [out, in] inputs [rows, in], or leave others out with { candidates }',
            );
          }
          raiseToSensitivity(scores[name]!, values[name]!, await given.data(), shape[1]!);
        }
      } finally {
        disposeTree(inputs);
      }
    }
    return scores;
  },
};

function raiseToSensitivity(scores: Float64Array, w: Float64Array, a: ArrayLike<number>, width: number): void {
  for (let row = 0; row < a.length; row += width) {
    for (let unit = 0; unit < w.length; unit += width) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += Math.abs(w[unit + k]! * a[row + k]!);
      if (sum === 0) continue;
      for (let k = 0; k < width; k++) {
        scores[unit + k] = Math.max(scores[unit + k]!, Math.abs(w[unit + k]! * a[row + k]!) / sum);
      }
    }
  }
}
