import type { Solver } from '../solver.ts';

/**
 * Kutta's 3/8 rule, order 4, four evaluations a step: slightly smaller error constants than the classic method. Choose it for
 * fixed steps, when every solve must cost the same. torchdiffeq's `rk4` is this rule.
 *
 * Source: Hairer, Nørsett & Wanner, Solving ODEs I, table II.1.2. The dense output is the only one of degree 3 that is of
 * order 3 with these four stages.
 */
export const rk4: Solver = {
  name: 'rk4',
  order: 4,
  c: [0, 1 / 3, 2 / 3, 1],
  a: [[], [1 / 3], [-1 / 3, 1], [1, -1, 1]],
  b: [1 / 8, 3 / 8, 3 / 8, 1 / 8],
  fsal: false,
  dense: {
    order: 3,
    weights: [
      [1, -15 / 8, 1],
      [0, 15 / 8, -3 / 2],
      [0, 3 / 8, 0],
      [0, -3 / 8, 1 / 2],
    ],
  },
};
