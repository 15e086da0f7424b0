import type { Solver } from '../solver.ts';

/** The forward Euler method, order 1, one evaluation a step. For teaching, and as a worst case to compare with. */
export const euler: Solver = {
  name: 'euler',
  order: 1,
  c: [0],
  a: [[]],
  b: [1],
  fsal: false,
  dense: { order: 1, weights: [[1]] },
};
