import { quarticDense, type Solver } from '../solver.ts';

const b = [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0] as const;

/**
 * Dormand & Prince's pair 5(4), seven stages of which the last is the next step's first: six evaluations a step, with adaptive
 * steps. The default, and the right choice unless the problem is stiff or every solve must cost the same.
 *
 * Source: Dormand & Prince 1980. The error weights and the midpoint of the dense output are Shampine's (1986), as in
 * torchdiffeq: the same steps and the same number of evaluations follow.
 */
export const dopri5: Solver = {
  name: 'dopri5',
  order: 5,
  c: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1],
  a: [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ],
  b,
  error: [
    35 / 384 - 1951 / 21600,
    0,
    500 / 1113 - 22642 / 50085,
    125 / 192 - 451 / 720,
    12231 / 42400 - 2187 / 6784,
    11 / 84 - 649 / 6300,
    -1 / 60,
  ],
  embedded: 4,
  fsal: true,
  dense: {
    order: 4,
    weights: /* @__PURE__ */ quarticDense(b, [
      6025192743 / 30085553152 / 2,
      0,
      51252292925 / 65400821598 / 2,
      -2691868925 / 45128329728 / 2,
      187940372067 / 1594534317056 / 2,
      -1776094331 / 19743644256 / 2,
      11237099 / 235043384 / 2,
    ]),
  },
};
