import { gradientMoments, mapValues } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireObjective } from './require.ts';

/**
 * Keeps the weights whose removal changes the loss most to first order: the mean over batches of (w · ∂L/∂w)², over all layers together
 * (Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning", eq. 8). Unlike SNIP's, the score does not vanish where the
 * gradients of batches cancel, as they do after training. Needs an objective: gradients, better of several small batches.
 */
export const taylor: Pruner = {
  name: 'taylor',
  target: 'weights',
  scope: 'global',
  needs: ['objective'],
  async score(params, context) {
    const objective = requireObjective('taylor', context);
    const { values, meanSquare } = await gradientMoments('taylor', objective, params, context.candidates);
    return mapValues(values, (w, name, i) => w ** 2 * meanSquare[name]![i]!);
  },
};
