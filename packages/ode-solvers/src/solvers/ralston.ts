import type { Solver } from '../solver.ts';

/**
 * Ralston's method, order 2, two evaluations a step, for fixed steps: of all such methods the one with the smallest bound on its
 * error.
 *
 * Source: Ralston 1962, Runge-Kutta methods with minimum error bounds.
 */
export const ralston: Solver = {
  name: 'ralston',
  order: 2,
  c: [0, 2 / 3],
  a: [[], [2 / 3]],
  b: [1 / 4, 3 / 4],
  fsal: false,
  dense: {
    order: 2,
    weights: [
      [1, -3 / 4],
      [0, 3 / 4],
    ],
  },
};
