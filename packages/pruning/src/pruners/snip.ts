import { gradientMoments, mapValues } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireObjective } from './require.ts';

/**
 * Keeps the weights with the largest connection sensitivity |w · ∂L/∂w|, over all layers together (Lee, Ajanthan, Torr 2019, "SNIP:
 * Single-shot Network Pruning based on Connection Sensitivity"). Meant for the untrained model, where gradients are large; the gradient is
 * the mean over all batches. Needs an objective: gradients.
 */
export const snip: Pruner = {
  name: 'snip',
  target: 'weights',
  scope: 'global',
  needs: ['objective'],
  async score(params, context) {
    const objective = requireObjective('snip', context);
    const { values, mean } = await gradientMoments('snip', objective, params, context.candidates);
    return mapValues(values, (w, name, i) => Math.abs(w * mean[name]![i]!));
  },
};
