import type { Solver } from '../solver.ts';

/**
 * Heun's method of order 2 (the explicit trapezoidal rule), two evaluations a step, for fixed steps. Both are at the ends of the
 * step, never inside it. torchdiffeq's `heun2`.
 *
 * Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.1.
 */
export const heun: Solver = {
  name: 'heun',
  order: 2,
  c: [0, 1],
  a: [[], [1]],
  b: [1 / 2, 1 / 2],
  fsal: false,
  dense: {
    order: 2,
    weights: [
      [1, -1 / 2],
      [0, 1 / 2],
    ],
  },
};
