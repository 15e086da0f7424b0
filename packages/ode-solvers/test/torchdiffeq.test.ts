import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  adaptiveHeun,
  bosh3,
  dopri5,
  dopri8,
  euler,
  fehlberg2,
  heun,
  heun3,
  midpoint,
  rk4,
  solve,
  tsit5,
  type Solver,
} from '../src/index.ts';
import { denseWeights, quarticDense } from '../src/solver.ts';
import { at, backend, largestDifference, problems, read } from './problems.ts';

interface Run {
  readonly method: string;
  readonly options: { readonly step_size: number } | null;
  readonly nfe: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly y: readonly (readonly number[])[];
  readonly max_err: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly accepted_steps_t_dt?: readonly (readonly [number, number])[];
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/ode-solvers.json', import.meta.url), 'utf8')) as {
  readonly problems: Readonly<
    Record<
      string,
      {
        readonly y0: number[];
        readonly t: number[];
        readonly solutions: readonly Run[];
        readonly truth_DOP853: { readonly y: number[][] };
      }
    >
  >;
};

const atMiddle = (solver: Solver): number[] => denseWeights(solver, 0.5);

/**
 * Our solvers by torchdiffeq's names. Where our dense output is another one, the fixture's is put in its place: a quartic through
 * the midpoint. Its `tsit5` carries on the companion of order 4, and its `adaptive_heun` and `fehlberg2` take a stage that is not
 * the derivative at the end of the step for it: those are not the published methods, and are compared by accuracy only.
 */
const counterparts: Readonly<Record<string, Solver>> = {
  dopri5,
  dopri8: { ...dopri8, dense: { order: 4, weights: quarticDense(dopri8.b, atMiddle(dopri8)) } },
  bosh3: { ...bosh3, dense: { order: 2, weights: quarticDense(bosh3.b, [0, 1 / 2, 0, 0]) } },
  rk4,
  euler,
  midpoint,
  heun2: heun,
  heun3,
};

/** Unstable runs reach 1e4: their rounding errors grow with them. */
const scale = (y: Run['y']): number => Math.max(1, ...y.flat().map(Math.abs));

describe.each(Object.entries(fixture.problems))(
  'the steps and values of torchdiffeq: %s',
  (name, { y0, t, solutions }) => {
    const [t0, t1] = [t[0]!, t[t.length - 1]!];
    const { field } = problems[name]!;
    const known = solutions.filter(({ method }) => method in counterparts);

    it('has every solver of ours that the fixture has', () => {
      expect(new Set(known.map(({ method }) => method))).toEqual(new Set(Object.keys(counterparts)));
      expect(known).toHaveLength(16);
    });

    it.each(
      known.map((run) => [`${run.method} ${run.options?.step_size ?? run.rtol ?? 'output times'}`, run] as const),
    )('%s', async (_, run) => {
      const start = at(y0);
      const before = backend.liveBuffers();
      const solution = await solve(
        field,
        start,
        {},
        {
          t0,
          t1,
          solver: counterparts[run.method],
          saveAt: t,
          rtol: run.rtol,
          atol: run.atol,
          stepSize: run.options?.step_size,
        },
      );
      expect(backend.liveBuffers()).toBe(before + t.length + 1);
      const { stats, grid } = solution;
      // Between fixed steps torchdiffeq interpolates linearly; our dense output is better, and tested on its own.
      const onGrid = (time: number): boolean =>
        !run.options || time === t1 || grid.some((step) => Math.abs(step.t - time) < 1e-12);
      expect(t.filter((time) => !onGrid(time))).toEqual(name === 'lotka_volterra' && run.options ? [0.25] : []);
      expect(stats.nfe).toBe(run.nfe);
      if (run.rtol !== undefined) {
        expect([stats.accepted, stats.rejected]).toEqual([run.accepted, run.rejected]);
        run.accepted_steps_t_dt?.forEach(([time, dt], i) => {
          // It negates time to go backwards and so reports lengths. An error estimate of 1e-9 carries rounding errors of 1e-16:
          // its fifth root, and so the step, is known to 2e-8 of its length, which is at most 0.1 at such tolerances.
          // dopri8's estimate of a short step's error is all rounding errors; the next step then differs by up to their share.
          const near = run.method === 'dopri8' ? 1e-4 : 1e-8;
          expect(Math.abs(solution.grid[i]!.t - time)).toBeLessThan(near);
          expect(Math.abs(Math.abs(solution.grid[i]!.dt) - dt)).toBeLessThan(near);
        });
        expect(solution.grid).toHaveLength(run.accepted);
      }
      const states = solution.ys.map(read);
      // The quartic through dopri8's long steps is the largest error of all, and moves with the steps.
      const allowed = run.method === 'dopri8' ? 1e-7 : 1e-10;
      run.y.forEach((row, i) => {
        if (onGrid(t[i]!)) expect(largestDifference(states[i]!, row)).toBeLessThan(allowed * scale(run.y));
      });
      expect(read(solution.y1)).toEqual(states[states.length - 1]);
      solution.dispose();
      expect(backend.liveBuffers()).toBe(before);
      start.dispose();
    });
  },
);

it('has the states of torchdiffeq at the fixed steps around a time between them', async () => {
  const { y0, t, solutions } = fixture.problems['lotka_volterra']!;
  const run = solutions.find(({ method, options }) => method === 'rk4' && options)!;
  const h = run.options!.step_size;
  const { ys } = await solve(
    problems['lotka_volterra']!.field,
    at(y0),
    {},
    {
      t0: 0,
      t1: 4,
      solver: rk4,
      stepSize: h,
      saveAt: [12 * h, 13 * h],
    },
  );
  const [before, after] = ys.map(read) as [number[], number[]];
  const halfway = before.map((v, i) => (v + after[i]!) / 2);
  expect(largestDifference(halfway, run.y[t.indexOf(0.25)]!)).toBeLessThan(1e-10);
});

const published: Readonly<Record<string, Solver>> = { tsit5, adaptive_heun: adaptiveHeun, fehlberg2 };

describe.each(Object.entries(fixture.problems))(
  'the accuracy of torchdiffeq, by the published methods: %s',
  (name, { y0, t, solutions, truth_DOP853 }) => {
    const known = solutions.filter(({ method }) => method in published);
    it.each(known.map((run) => [`${run.method} ${run.rtol}`, run] as const))('%s', async (_, run) => {
      const { rtol, atol } = run;
      const options = { t0: t[0]!, t1: t[t.length - 1]!, solver: published[run.method]!, saveAt: t, rtol, atol };
      const { ys, stats } = await solve(problems[name]!.field, at(y0), {}, options);
      const error = Math.max(...ys.map((y, i) => largestDifference(read(y), truth_DOP853.y[i]!)));
      // torchdiffeq's own errors differ by such factors between methods of one order.
      expect(error).toBeLessThan(5 * run.max_err);
      if (run.method === 'tsit5')
        expect(Math.abs(stats.accepted - run.accepted)).toBeLessThanOrEqual(2 + run.accepted / 10);
    });
  },
);
