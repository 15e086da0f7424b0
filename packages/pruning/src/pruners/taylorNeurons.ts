import { take, valuesOf } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { forEachUnit } from '../units.ts';
import { requireObjective } from './require.ts';

/**
 * Keeps the neurons whose removal changes the loss most to first order: the mean over batches of (Σ w · ∂L/∂w)², summed over the unit's
 * weights and bias, over all layers together (Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning", eq. 6 and 8).
 * Needs an objective: gradients, better of several small batches.
 */
export const taylorNeurons: Pruner = {
  name: 'taylor-neurons',
  target: 'neurons',
  scope: 'global',
  needs: ['objective'],
  async score(params, context) {
    const objective = requireObjective('taylor-neurons', context);
    const own = context.neurons.map((group) => ({ ...group, axes: group.axes.filter(({ role }) => role !== 'in') }));
    const names = [...new Set(own.flatMap(({ axes }) => axes.map(({ param }) => param)))];
    const values = await valuesOf(params, names);
    const scores = Object.fromEntries(own.map(({ name, size }) => [name, new Float64Array(size)]));
    for (let batch = 0; batch < objective.batches; batch++) {
      const gradient = await take('taylor-neurons', 'gradient', objective.gradient(params, batch), names, params);
      for (const { name, size, axes } of own) {
        const change = new Float64Array(size);
        for (const { param, axis } of axes) {
          const [w, g] = [values[param]!, gradient[param]!];
          forEachUnit(params[param]!.shape, axis, (unit, start, length) => {
            for (let i = start; i < start + length; i++) change[unit]! += w[i]! * g[i]!;
          });
        }
        change.forEach((x, unit) => (scores[name]![unit]! += x ** 2 / objective.batches));
      }
    }
    return scores;
  },
};
