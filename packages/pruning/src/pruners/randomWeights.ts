import { fold, uniform } from '@sparseflow/tensor';
import type { Pruner } from '../pruner.ts';
import { requireKey } from './require.ts';

/**
 * Keeps uniformly random weights over all layers together, by key. It is the control that every other pruner of weights should be
 * compared with at the same ratio.
 */
export const randomWeights: Pruner = {
  name: 'random-weights',
  target: 'weights',
  scope: 'global',
  needs: ['key'],
  score(params, context) {
    const key = requireKey('random-weights', context);
    return Object.fromEntries(
      context.candidates.map((name, i) => [name, uniform(fold(key, i), params[name]!.size)] as const),
    );
  },
};
