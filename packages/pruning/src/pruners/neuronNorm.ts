import type { NeuronGroup, Params } from '@sparseflow/tensor';
import type { Pruner } from '../pruner.ts';
import { forEachUnit } from '../units.ts';

/**
 * Keeps the neurons whose incoming weights have the largest ℓ₁ norm ‖W_i:‖₁ (for a convolution, the filters), the same share in every
 * layer: the structured pruner of Sparse Flows (Liebenwein et al. 2021, Table 1), after Li et al. 2017, "Pruning Filters for Efficient
 * ConvNets". Biases do not count towards the norm. Needs no data.
 */
export const neuronNorm: Pruner = {
  name: 'neuron-norm',
  target: 'neurons',
  scope: 'local',
  score: async (params, { neurons }) => normsOf(params, neurons, Math.abs),
};

/** Sums `term(w)` over the incoming weights of every unit. */
export async function normsOf(
  params: Params,
  neurons: readonly NeuronGroup[],
  term: (w: number) => number,
): Promise<Record<string, Float64Array>> {
  const scores: Record<string, Float64Array> = {};
  for (const group of neurons) {
    const norms = new Float64Array(group.size);
    for (const { param, axis, role } of group.axes) {
      if (role !== 'out') continue;
      const weight = params[param]!;
      const values = await weight.data();
      forEachUnit(weight.shape, axis, (unit, start, length) => {
        for (let i = start; i < start + length; i++) norms[unit]! += term(values[i]!);
      });
    }
    scores[group.name] = norms;
  }
  return scores;
}
