import type { Solver } from '../solver.ts';

/**
 * Fehlberg's pair 1(2), three evaluations a step, with adaptive steps; the solution of order 2 is carried on. Its error estimate
 * is small, so that it takes long steps at crude tolerances.
 *
 * Source: Fehlberg 1969, Low-order classical Runge-Kutta formulas with stepsize control. torchdiffeq's `fehlberg2` takes the last
 * stage for the derivative at the end of the step, which saves an evaluation and lowers the order; this one does not.
 */
export const fehlberg2: Solver = {
  name: 'fehlberg2',
  order: 2,
  c: [0, 1 / 2, 1],
  a: [[], [1 / 2], [1 / 256, 255 / 256]],
  b: [1 / 512, 255 / 256, 1 / 512],
  error: [-1 / 512, 0, 1 / 512],
  embedded: 1,
  fsal: false,
  dense: {
    order: 2,
    weights: [
      [1, -511 / 512],
      [0, 255 / 256],
      [0, 1 / 512],
    ],
  },
};
