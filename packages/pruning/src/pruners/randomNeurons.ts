import { fold, uniform } from '@sparseflow/tensor';
import type { Pruner } from '../pruner.ts';
import { requireKey } from './require.ts';

/**
 * Keeps uniformly random neurons, the same share in every layer, by key. It is the control that every other pruner of neurons should be
 * compared with at the same ratio.
 */
export const randomNeurons: Pruner = {
  name: 'random-neurons',
  target: 'neurons',
  scope: 'local',
  needs: ['key'],
  score(_params, context) {
    const key = requireKey('random-neurons', context);
    return Object.fromEntries(
      context.neurons.map((group, i) => [group.name, uniform(fold(key, i), group.size)] as const),
    );
  },
};
