import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { at, largestDifference, problems, read } from '../test/problems.ts';
import { solve as solveTensors } from './index.ts';
import { solve, SolveError, solvers, type PlainField, type Solver, type StepOptions } from './plain.ts';

const each = Object.values(solvers as Readonly<Record<string, Solver>>);
const intervals: Readonly<Record<string, { y0: number[]; t: number[] }>> = {
  exp_decay: { y0: [1, -2, 0.5], t: [0, 0.5, 2, 5] },
  linear_spiral: { y0: [2, 0], t: [0, 0.3, 5] },
  lotka_volterra: { y0: [10, 5], t: [0, 0.25, 1, 4] },
  reverse_time_spiral: { y0: [0.5, -0.25], t: [2, 1, 0] },
};

/** The error of a failed solve. */
function failureOf(f: PlainField, y0: number[], options: Partial<StepOptions>): SolveError {
  try {
    solve(f, y0, { t0: 0, t1: 1, ...options });
  } catch (error) {
    return error as SolveError;
  }
  throw new Error('it did not fail');
}

describe('solve on plain arrays', () => {
  it.each(Object.entries(problems))('takes the steps that tensors take: %s', async (name, { plain, field }) => {
    const { y0, t } = intervals[name]!;
    for (const solver of each) {
      for (const rest of [{ steps: 40 }, { rtol: 1e-5, atol: 1e-5 }, { rtol: 1e-5, atol: 1e-5, stepTo: t.slice(-1) }]) {
        if (!solver.error && !('steps' in rest)) continue;
        const options = { t0: t[0]!, t1: t[t.length - 1]!, saveAt: t, solver, ...rest };
        const there = await solveTensors(field, at(y0), {}, options);
        const here = solve(plain, y0, options);
        expect(here.stats).toMatchObject({ ...there.stats, dtMin: expect.any(Number), dtMax: expect.any(Number) });
        expect(here.ts).toEqual(t);
        // Sums are taken in another order; Lotka-Volterra amplifies the rounding most. dopri8's error estimate of a short step is
        // all rounding errors, and the next step differs with it.
        const near = solver.name === 'dopri8' ? 1e-7 : 1e-10;
        expect(largestDifference(here.y1, read(there.y1))).toBeLessThan(near);
        here.ys.forEach((y, i) => expect(largestDifference(y, read(there.ys[i]!))).toBeLessThan(near));
        here.grid.forEach(({ t: time }, i) =>
          expect(Math.abs(time - there.grid[i]!.t)).toBeLessThan(Math.max(1000 * near, 1e-9)),
        );
      }
    }
  });

  it('takes a field that writes its result, and one that returns any array', () => {
    const options = { t0: 0, t1: 1 };
    const returned = solve((_t, y) => [-y[0]!, 2 * y[1]!], [1, 1], options);
    const typed = solve((_t, y) => Float32Array.of(-y[0]!, 2 * y[1]!), new Float32Array([1, 1]), {
      ...options,
      rtol: 1e-4,
      atol: 1e-4,
    });
    const written = solve(
      (_t, y, dydt) => {
        dydt[0] = -y[0]!;
        dydt[1] = 2 * y[1]!;
      },
      [1, 1],
      options,
    );
    const data = ({ at: _at, derivativeAt: _derivativeAt, ...rest }: typeof written): unknown => rest;
    expect(data(written)).toEqual(data(returned));
    expect(largestDifference(written.y1, [Math.exp(-1), Math.exp(2)])).toBeLessThan(1e-6);
    expect(largestDifference(typed.y1, written.y1)).toBeLessThan(1e-3);
  });

  it('leaves the initial state alone, and gives copies', () => {
    const y0 = Float64Array.of(1, 2);
    const { y1, ys } = solve((_t, y) => y.map((v) => -v), y0, { t0: 0, t1: 0, saveAt: [0] });
    expect([Array.from(y0), Array.from(y1), ys.map((y) => Array.from(y))]).toEqual([[1, 2], [1, 2], [[1, 2]]]);
    expect(new Set([y0, y1, ...ys]).size).toBe(3);
  });

  it('has no slope where no step was taken', () => {
    const still = solve((_t, y) => y.map((v) => -v), [1, 2], { t0: 1, t1: 1, dense: true });
    expect(Array.from(still.at(1))).toEqual([1, 2]);
    expect(() => still.derivativeAt(1)).toThrow('no step was taken');
  });

  it('takes an empty state', () => {
    expect(solve(() => [], [], { t0: 0, t1: 1 }).y1).toEqual(new Float64Array(0));
  });

  it('explains failures as the tensor solver does', () => {
    const underflow = failureOf((_t, [y]) => [y! ** 2], [1], { t1: 2, rtol: 1e-6, atol: 1e-6 });
    expect(underflow).toBeInstanceOf(SolveError);
    expect(underflow).toMatchInlineSnapshot(
      `[SolveError: dopri5: a step of 1e-16 does not move the time at t = 1, 50% of the interval (214 accepted steps, 213 rejected, 2564 evaluations). State: growth 1.5e+15-fold (rms); worst: y[0] = 1.5e+15. Error: last estimate 1.4 × tolerance; y[0] 1.4 × tolerance. To fix: loosen the tolerances, set minStep or take fixed steps; after growth suspect a singularity; in training lower the learning rate or add weight decay.]`,
    );
    expect(underflow.report!.components[0]!.name).toBe('y[0]');
    expect(failureOf((_t, [y]) => [-1e6 * y!], [1], { maxSteps: 20 }).code).toBe('MAX_STEPS');
    for (const options of [{}, { firstStep: 0.1 }, { solver: solvers.rk4, steps: 3 }]) {
      expect(failureOf((_t, y) => y, [1, NaN], options).report).toMatchObject({
        code: 'NON_FINITE_STATE',
        nonFinite: 1,
      });
      expect(failureOf((_t, [y]) => [Math.sqrt(-y!)], [1], options).code).toBe('NON_FINITE_DERIVATIVE');
    }
    const late: PlainField = (t, [y]) => [t > 0.5 ? NaN : -y!];
    expect(failureOf(late, [1], {}).code).toBe('NON_FINITE_DERIVATIVE');
    expect(failureOf(late, [1], { solver: solvers.rk4, steps: 10 }).report).toMatchObject({
      code: 'NON_FINITE_STATE',
      time: 0.5,
      accepted: 5,
    });
  });

  it('lets out what the field throws, at whichever evaluation, whatever a failed solve is to do', () => {
    for (const given of [{}, { saveAt: [0.5], dense: true }, { solver: solvers.rk4, steps: 13 }, { steps: 9 }]) {
      for (const failing of [1, 3, 50]) {
        for (const onFailure of ['throw', 'return'] as const) {
          const thrown = new Error('field failed');
          let calls = 0;
          const f: PlainField = (_t, y) => {
            if (++calls === failing) throw thrown;
            return y.map((v) => -v);
          };
          expect(failureOf(f, [1, 2], { ...given, onFailure })).toBe(thrown);
          expect(calls).toBe(failing);
        }
      }
    }
  });

  it('refuses options and fields that do not fit', () => {
    expect(failureOf((_t, y) => y, [1], { atol: -1 })).toMatchInlineSnapshot(
      `[SolveError: solve: atol is -1. To fix: give a number above 0.]`,
    );
    expect(failureOf(() => undefined, [1], {})).toMatchInlineSnapshot(
      `[SolveError: solve: the vector field gave no derivative. To fix: return the derivative, or write all of it to the third argument.]`,
    );
    const half: PlainField = (_t, y, dydt) => void (dydt[0] = -y[0]!);
    const { code, report } = failureOf(half, [1, 2], {});
    expect([code, report!.components[0]!.name]).toEqual(['NON_FINITE_DERIVATIVE', 'y[1]']);
    expect(failureOf(() => [1, 2], [1], {})).toMatchInlineSnapshot(
      `[SolveError: solve: the vector field returned 2 numbers for a state of 1. To fix: return one derivative for each component.]`,
    );
  });
});

it('imports no tensor package, directly or not', () => {
  const seen = new Set<string>();
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    for (const [, typeOnly, target] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (type )?[^;]*?from '(.+?)';/gms,
    )) {
      if (typeOnly) continue;
      expect(target, file.pathname).toMatch(/^\.\.?\//);
      visit(new URL(target!, file));
    }
  };
  visit(new URL('./plain.ts', import.meta.url));
  expect(seen.size).toBeGreaterThan(5);
});
