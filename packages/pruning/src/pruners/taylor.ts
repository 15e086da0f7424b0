import { meanOverBatches } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireObjective } from './require.ts';

/**
 * Keeps the weights whose removal changes the loss most to first order: the mean over batches of (w · ∂L/∂w)², over all layers together
 * (Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning", eq. 8). Unlike SNIP's, the score does not vanish where the
 * gradients of batches cancel, as they do after training. For single weights it is `fisher` but for a factor. Needs an objective:
 * gradients, better of several small batches.
 */
export const taylor: Pruner = {
  name: 'taylor',
  target: 'weights',
  scope: 'global',
  needs: ['objective'],
  score: (params, context) =>
    meanOverBatches('taylor', requireObjective('taylor', context), params, context.candidates, (w, g) => (w * g) ** 2),
};
