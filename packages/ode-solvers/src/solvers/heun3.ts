import type { Solver } from '../solver.ts';

/**
 * Heun's method of order 3, three evaluations a step, for fixed steps.
 *
 * Source: Hairer, Nørsett & Wanner, Solving ODEs I, table II.1.1.
 */
export const heun3: Solver = {
  name: 'heun3',
  order: 3,
  c: [0, 1 / 3, 2 / 3],
  a: [[], [1 / 3], [0, 2 / 3]],
  b: [1 / 4, 0, 3 / 4],
  fsal: false,
  dense: {
    order: 2,
    weights: [
      [1, -3 / 4],
      [0, 0],
      [0, 3 / 4],
    ],
  },
};
