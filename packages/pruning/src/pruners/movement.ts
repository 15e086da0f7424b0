import { mapValues, valuesOf } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { requireBefore } from './require.ts';

/**
 * Keeps the weights that the last training moved away from zero: -∫ w · ∂L/∂w over the training, over all layers together (Sanh, Wolf,
 * Rush 2020, "Movement Pruning: Adaptive Sparsity by Fine-Tuning", eq. 5). Along a gradient descent with small steps, where dw = -∂L/∂w
 * dt, that integral is (w² - w₀²) / 2, so the weights before and after say it all. Needs the parameters before the training, which
 * `sparseFlow` passes on; no data.
 */
export const movement: Pruner = {
  name: 'movement',
  target: 'weights',
  scope: 'global',
  needs: ['before'],
  async score(params, context) {
    const before = await valuesOf(requireBefore('movement', context), context.candidates);
    const after = await valuesOf(params, context.candidates);
    return mapValues(after, (w, name, i) => (w ** 2 - before[name]![i]! ** 2) / 2);
  },
};
