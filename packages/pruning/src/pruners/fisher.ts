import { meanOverBatches } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireObjective } from './require.ts';

/**
 * Keeps the weights with the largest ½ w² F_ii, over all layers together; F is the diagonal of the empirical Fisher information, the mean
 * of squared gradients, which stands for the Hessian of a log-likelihood at its minimum (Theis et al. 2018, "Faster Gaze Prediction with
 * Dense Networks and Fisher Pruning"). The mean runs over batches, so it is the Fisher information only with batches of one sample; of
 * larger ones it is scaled down alike. It keeps what `taylor` keeps: the two come from different arguments. Needs an objective: gradients,
 * of many small batches.
 */
export const fisher: Pruner = {
  name: 'fisher',
  target: 'weights',
  scope: 'global',
  needs: ['objective'],
  score: (params, context) =>
    meanOverBatches(
      'fisher',
      requireObjective('fisher', context),
      params,
      context.candidates,
      (w, g) => (w ** 2 * g ** 2) / 2,
    ),
};
