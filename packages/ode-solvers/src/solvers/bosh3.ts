import { hermiteDense, type Solver } from '../solver.ts';

const b = [2 / 9, 1 / 3, 4 / 9, 0] as const;

/**
 * Bogacki & Shampine's pair 3(2), three evaluations a step, with adaptive steps. For tolerances of 1e-3 and above.
 *
 * Source: Bogacki & Shampine 1989, A 3(2) pair of Runge-Kutta formulas; the cubic Hermite interpolant is theirs as well.
 */
export const bosh3: Solver = {
  name: 'bosh3',
  order: 3,
  c: [0, 1 / 2, 3 / 4, 1],
  a: [[], [1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
  b,
  error: [2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8],
  embedded: 2,
  fsal: true,
  dense: { order: 3, weights: /* @__PURE__ */ hermiteDense(b) },
};
