import { concat, mul, scope, slice, square, sub, type Tensor } from '@sparseflow/tensor';
import { expect, it } from 'vitest';
import { solveAdams } from '../src/index.ts';
import { at, read } from './problems.ts';

/** y₁' = y₂ cos t, y₂' = -y₁² / 2 - .3 y₂. */
const field = (t: number, y: Tensor): Tensor =>
  scope(() => {
    const [first, second] = [0, 1].map((i) => slice(y, [i], [1])) as [Tensor, Tensor];
    return concat([mul(second, Math.cos(t)), sub(mul(square(first), -0.5), mul(second, 0.3))], 0);
  });

// torchdiffeq 0.2.5 in float64: odeint(f, [1, .5], [0, 2], method, rtol=1e-3, atol=1e-4, options={step_size: .1, max_order, max_iters: 4}).
it.each([
  ['explicit', 4, 26, [1.1645602331387817, -0.6857756856388515]],
  ['explicit', 5, 26, [1.1650203909241708, -0.6869291134168783]],
  ['explicit', 8, 26, [1.164919247197258, -0.6867102424962198]],
  ['implicit', 4, 44, [1.1649721995885856, -0.6869483280516744]],
  ['implicit', 5, 44, [1.1649712589521073, -0.6869504406745576]],
  ['implicit', 8, 44, [1.1649695235200535, -0.6869458343354984]],
] as const)('%s Adams of order %i takes the steps of torchdiffeq', async (method, maxOrder, nfe, expected) => {
  const { y1, stats } = await solveAdams(field, at([1, 0.5]), {}, { t0: 0, t1: 2, steps: 20, method, maxOrder });
  // Sums of the same numbers in another order, over twenty steps.
  read(y1).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-13));
  expect(stats.nfe).toBe(nfe);
});
