import { downloadMasks } from '../masks.ts';
import { valuesOf } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { forEachUnit, liveUnits } from '../units.ts';

/**
 * Keeps the neurons that others can replace least: those whose incoming weights are farthest, in sum, from those of all other units of
 * their layer, Σ_j ‖W_i: - W_j:‖₂. Units near the geometric median of the layer go first, whatever their norm (He et al. 2019, "Filter
 * Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration"). Biases do not count; removed units are left out.
 * Needs no data; the time is quadratic in the number of units.
 */
export const fpgm: Pruner = {
  name: 'fpgm',
  target: 'neurons',
  scope: 'local',
  async score(params, { masks, neurons }) {
    const live = await downloadMasks('fpgm', params, masks);
    const scores: Record<string, Float64Array> = {};
    for (const group of neurons) {
      const alive = liveUnits(params, live, group);
      const rows = Array.from({ length: group.size }, (): number[] => []);
      for (const { param, axis, role } of group.axes) {
        if (role !== 'out') continue;
        const values = (await valuesOf(params, [param]))[param]!;
        forEachUnit(params[param]!.shape, axis, (unit, start, length) => {
          for (let i = start; i < start + length; i++) rows[unit]!.push(values[i]!);
        });
      }
      const sums = new Float64Array(group.size);
      for (let i = 0; i < group.size; i++) {
        for (let j = 0; j < i; j++) {
          if (alive[i] === 0 || alive[j] === 0) continue;
          const distance = Math.sqrt(rows[i]!.reduce((sum, x, k) => sum + (x - rows[j]![k]!) ** 2, 0));
          sums[i]! += distance;
          sums[j]! += distance;
        }
      }
      scores[group.name] = sums;
    }
    return scores;
  },
};
