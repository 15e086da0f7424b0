import { solve } from '@sparseflow/ode-solvers/plain';
import { expect, it } from 'vitest';
import { handWrittenDopri5 } from './handWritten.ts';
import { ODE_PROBLEMS } from './problems.ts';

it('takes the steps of the solver that it is compared with', () => {
  const { into, y0, t1 } = ODE_PROBLEMS.find(({ name }) => name === 'Arenstorf orbit')!;
  let evaluations = 0;
  const counting: typeof into = (t, y, dydt) => {
    evaluations++;
    into(t, y, dydt);
  };
  const tolerance = 1e-6;
  const y1 = handWrittenDopri5(counting, y0, t1, tolerance);
  const ours = solve(into, y0, { t0: 0, t1, rtol: tolerance, atol: tolerance, stepTo: [t1] });
  expect(evaluations).toBe(ours.stats.nfe);
  // The same but for rounding, which the orbit amplifies: it comes close to the moon four times.
  y1.forEach((value, j) => expect(Math.abs(value - ours.y1[j]!)).toBeLessThan(1e-7));
});
