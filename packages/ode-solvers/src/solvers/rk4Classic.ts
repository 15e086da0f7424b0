import type { Solver } from '../solver.ts';

/**
 * The classic Runge-Kutta method, order 4, four evaluations a step, for fixed steps.
 *
 * Source: Hairer, Nørsett & Wanner, Solving ODEs I, table II.1.2; dense output of order 3, II.6.
 */
export const rk4Classic: Solver = {
  name: 'rk4Classic',
  order: 4,
  c: [0, 1 / 2, 1 / 2, 1],
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  fsal: false,
  dense: {
    order: 3,
    weights: [
      [1, -3 / 2, 2 / 3],
      [0, 1, -2 / 3],
      [0, 1, -2 / 3],
      [0, -1 / 2, 2 / 3],
    ],
  },
};
