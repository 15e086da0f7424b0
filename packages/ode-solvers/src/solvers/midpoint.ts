import type { Solver } from '../solver.ts';

/**
 * The explicit midpoint method, order 2, two evaluations a step, for fixed steps: the cheapest step up from Euler.
 *
 * Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.1.
 */
export const midpoint: Solver = {
  name: 'midpoint',
  order: 2,
  c: [0, 1 / 2],
  a: [[], [1 / 2]],
  b: [0, 1],
  fsal: false,
  dense: {
    order: 2,
    weights: [
      [1, -1],
      [0, 1],
    ],
  },
};
