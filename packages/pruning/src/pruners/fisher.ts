import { gradientMoments, mapValues } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireObjective } from './require.ts';

/**
 * Keeps the weights with the largest ½ w² F_ii, over all layers together; F is the diagonal of the empirical Fisher information, the mean
 * over single samples of squared gradients, which stands for the Hessian of a log-likelihood at its minimum (Theis et al. 2018, "Faster
 * Gaze Prediction with Dense Networks and Fisher Pruning").
 *
 * The gradient of a batch is a mean over its samples, whose spread is B times smaller. So F is estimated from K batches of B samples as
 * mean(g²) + (B - 1) s², with s² the sample variance between batches, which is unbiased. Needs an objective: gradients of at least two
 * batches, or of batches of one sample, and its `rows`, B.
 */
export const fisher: Pruner = {
  name: 'fisher',
  target: 'weights',
  scope: 'global',
  needs: ['objective'],
  async score(params, context) {
    const objective = requireObjective('fisher', context);
    const { batches, rows = 1 } = objective;
    const { values, mean, meanSquare } = await gradientMoments('fisher', objective, params, context.candidates);
    return mapValues(values, (w, name, i) => {
      const square = meanSquare[name]![i]!;
      // Rounding may leave less than nothing.
      const variance = batches > 1 ? (Math.max(0, square - mean[name]![i]! ** 2) * batches) / (batches - 1) : 0;
      return (w ** 2 * (square + (rows - 1) * variance)) / 2;
    });
  },
};
