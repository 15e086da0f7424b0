import { add, affine, disposeTree, fold, mul, rademacher, scope, sub, tensor } from '@sparseflow/tensor';
import type { Key, Masks, Params, Tensor } from '@sparseflow/tensor';
import { mapValues, take, valuesOf } from '../objective.ts';
import type { Objective } from '../objective.ts';
import { PruningError } from '../errors.ts';
import type { Pruner } from '../pruner.ts';
import { requireKey, requireObjective } from './require.ts';

export interface OptimalBrainDamageOptions {
  /**
   * Random probes, spread over the batches; at least one each, and as many for all. The standard error of an entry of the diagonal falls
   * with the square root of their number. Default 16.
   */
  readonly probes?: number;
}

/**
 * Keeps the weights whose removal would raise the loss most to second order at a minimum: ½ w² H_ii, over all layers together (LeCun,
 * Denker, Solla 1989, "Optimal Brain Damage", eq. 5). The diagonal of the Hessian is estimated as the mean of v ⊙ Hv over random signs v
 * (Bekas, Kokiopoulou, Saad 2007), which is unbiased; its variance is the sum of the squares beside the diagonal. Needs a key and an
 * objective: Hessian-vector products, or gradients, of which differences are then taken.
 *
 * @throws {PruningError} when the number of probes is not a count
 *
 * @example
 * ```ts
 * import { objectiveOf, optimalBrainDamage, prune } from '@sparseflow/pruning';
 * import { key, mul, square, sum, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { weight: tensor([[3, -1, 2]], { backend }) };
 * const curvature = tensor([0.1, 5, 1], { backend });
 * const objective = objectiveOf(({ weight }) => sum(mul(curvature, square(weight!))), 1);
 * const pruner = optimalBrainDamage({ probes: 4 });
 * const { masks } = await prune(params, undefined, pruner, { keep: 2 / 3, objective, key: key(0) });
 * console.log(await masks['weight']!.data()); // 0, 1, 1
 * ```
 */
export function optimalBrainDamage({ probes = 16 }: OptimalBrainDamageOptions = {}): Pruner {
  if (!Number.isSafeInteger(probes) || probes < 1) {
    throw new PruningError('optimalBrainDamage', `probes is ${probes}`, 'pass a number of probes, at least 1');
  }
  return {
    name: 'obd',
    target: 'weights',
    scope: 'global',
    needs: ['objective', 'key'],
    async score(params, context) {
      const { candidates, masks } = context;
      const objective = requireObjective('obd', context);
      const key = requireKey('obd', context);
      const diagonal = Object.fromEntries(candidates.map((name) => [name, new Float64Array(params[name]!.size)]));
      const count = Math.ceil(probes / objective.batches) * objective.batches;
      for (let i = 0; i < count; i++) {
        const v = signs(fold(key, i), params, candidates, masks);
        try {
          const product = hessianVector(objective, params, v, i % objective.batches);
          const hv = await take('obd', 'Hessian-vector product', product, candidates, params);
          const host = await valuesOf(v, candidates);
          for (const name of candidates) {
            diagonal[name]!.forEach((_, j) => (diagonal[name]![j]! += (host[name]![j]! * hv[name]![j]!) / count));
          }
        } finally {
          disposeTree(v);
        }
      }
      const values = await valuesOf(params, candidates);
      return mapValues(diagonal, (h, name, i) => (h * values[name]![i]! ** 2) / 2);
    },
  };
}

/** {@link optimalBrainDamage} with its defaults. */
export const obd: Pruner = optimalBrainDamage();

/** Random signs where entries are left. Pruned entries stay where they are, so the Hessian is that of the others. */
function signs(key: Key, params: Params, names: readonly string[], masks: Masks): Record<string, Tensor> {
  return scope(() =>
    Object.fromEntries(
      names.map((name, i) => {
        const { size, shape, backend, dtype } = params[name]!;
        const v = tensor(rademacher(fold(key, i), size), { backend, dtype, shape });
        return [name, masks[name] ? mul(v, masks[name]) : v] as const;
      }),
    ),
  );
}

/** Hv, by central differences of the gradient where the objective does not know it. */
async function hessianVector(objective: Objective, params: Params, v: Params, batch: number): Promise<Params> {
  if (objective.hessianVector) return objective.hessianVector(params, v, batch);
  // Balances the truncation error (∝ step²) with the rounding error (∝ 1 / step).
  const step = Object.values(v)[0]?.dtype === 'float64' ? 6e-6 : 5e-3;
  const at = async (distance: number): Promise<Params> => {
    const moved = scope(() =>
      Object.fromEntries(Object.entries(v).map(([name, x]) => [name, add(params[name]!, affine(x, distance, 0))])),
    );
    try {
      return await objective.gradient({ ...params, ...moved }, batch);
    } finally {
      disposeTree(moved);
    }
  };
  const above = await at(step);
  let below: Params = {};
  try {
    below = await at(-step);
    return scope(() =>
      Object.fromEntries(
        Object.keys(v).map((name) => [name, affine(sub(above[name]!, below[name]!), 1 / (2 * step), 0)]),
      ),
    );
  } finally {
    disposeTree([above, below]);
  }
}
