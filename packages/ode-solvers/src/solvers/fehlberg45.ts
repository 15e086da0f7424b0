import { quarticDense, type Solver } from '../solver.ts';

const b = [16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55, 0] as const;

/**
 * Fehlberg's pair 4(5), with adaptive steps. The solution of order 5 is carried on (local extrapolation), and its derivative,
 * which the next step needs anyway, is the last stage: six evaluations a step. For comparison with older codes; `dopri5` and
 * `tsit5` have smaller errors at the same cost.
 *
 * Source: Hairer, Nørsett & Wanner, Solving ODEs I, table II.5.1. The midpoint of the dense output is the solution of the order
 * conditions up to 4 with these stages.
 */
export const fehlberg45: Solver = {
  name: 'fehlberg45',
  order: 5,
  c: [0, 1 / 4, 3 / 8, 12 / 13, 1, 1 / 2, 1],
  a: [
    [],
    [1 / 4],
    [3 / 32, 9 / 32],
    [1932 / 2197, -7200 / 2197, 7296 / 2197],
    [439 / 216, -8, 3680 / 513, -845 / 4104],
    [-8 / 27, 2, -3544 / 2565, 1859 / 4104, -11 / 40],
    [16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55],
  ],
  b,
  error: [16 / 135 - 25 / 216, 0, 6656 / 12825 - 1408 / 2565, 28561 / 56430 - 2197 / 4104, -9 / 50 + 1 / 5, 2 / 55, 0],
  embedded: 4,
  fsal: true,
  dense: {
    order: 4,
    weights: /* @__PURE__ */ quarticDense(b, [119 / 864, 0, 1016 / 2565, -2197 / 16416, 11 / 160, 0, 1 / 32]),
  },
};
