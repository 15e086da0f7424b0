import { valuesOf } from '../objective.ts';
import type { Pruner } from '../pruner.ts';
import { byScore } from '../select/order.ts';

/**
 * Layer-adaptive magnitude: w² divided by the sum of all squares of its parameter that are not smaller, its own included; compared over
 * all layers together (Lee et al. 2021, "Layer-adaptive Sparsity for the Magnitude-based Pruning", eq. 4). The largest weight of every
 * layer scores 1, so no layer is emptied. Needs no data.
 */
export const lamp: Pruner = {
  name: 'lamp',
  target: 'weights',
  scope: 'global',
  async score(params, { candidates }) {
    const values = await valuesOf(params, candidates);
    return Object.fromEntries(
      Object.entries(values).map(([name, w]) => {
        const squares = w.map((x) => x ** 2);
        const scores = new Float64Array(w.length);
        let sum = 0;
        for (const i of byScore(squares)) {
          sum += squares[i]!;
          scores[i] = squares[i] === 0 ? 0 : squares[i]! / sum;
        }
        return [name, scores] as const;
      }),
    );
  },
};
