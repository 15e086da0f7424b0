import { abs, mul, scope, square, sub, sum } from '@sparseflow/tensor';
import type { PotentialField } from '../fields/potential.ts';
import type { Regulariser } from './regulariser.ts';

/**
 * OT-Flow's penalty on the Hamilton-Jacobi-Bellman equation, ∫ |∂Φ/∂t - ½ ‖∇Φ‖²| dt (Onken et al. 2021, eq. 6), which holds along optimal
 * paths of the flow of f = -∇Φ. Use it with half the `kinetic` energy.
 *
 * @param potential the flow's own field
 *
 * @example
 * ```ts
 * import { cnf, hamiltonJacobi, kinetic, potential } from '@sparseflow/cnf';
 *
 * const field = potential({ dim: 2, width: 16 });
 * const flow = cnf({ field, regularisers: [kinetic(0.5), hamiltonJacobi(1, field)] }); // OT-Flow
 * console.log(flow.dim); // 2
 * ```
 */
export function hamiltonJacobi(weight: number, potential: PotentialField): Regulariser {
  return {
    name: 'hamiltonJacobi',
    weight,
    valueOnly: true,
    rate: ({ params, t, z, dual }) =>
      scope(() => abs(sub(potential.slope(params, t, z), mul(sum(square(dual.value), 1), 0.5)))),
  };
}
