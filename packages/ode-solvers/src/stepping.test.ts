import { describe, expect, it } from 'vitest';
import { mul, neg, scope, sizeOf, tensor, type Backend, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at, backend, largestDifference, read } from '../test/problems.ts';
import {
  backsolve,
  bosh3,
  checkpoint,
  direct,
  dopri5,
  interpolated,
  MaxStepsError,
  replay,
  rk4,
  solve,
  solveVjp,
} from './index.ts';
import { solve as solvePlain, type PlainOptions } from './plain.ts';

const orbit = (_t: number, y: Float64Array): number[] => [y[1]!, -y[0]!];

describe('step control', () => {
  it('reaches the tolerance with each controller', () => {
    const exact = [Math.cos(10), -Math.sin(10)];
    const steps = (['I', 'PI', 'PID', { p: 0.2, i: 0.4, d: 0 }] as const).map((controller) => {
      const { y1, stats } = solvePlain(orbit, [1, 0], { t0: 0, t1: 10, rtol: 1e-6, atol: 1e-6, controller });
      expect(largestDifference(y1, exact)).toBeLessThan(1e-4);
      return stats.accepted;
    });
    expect(new Set(steps).size).toBeGreaterThan(2); // they are not all the same
  });

  it('rejects fewer steps with the PI controller where stability limits them', () => {
    // y' = -50 (y - cos t): dopri5 is held at its stability bound, where the I controller alternates.
    const stiff = (t: number, [y]: Float64Array): number[] => [-50 * (y! - Math.cos(t))];
    const rejected = (controller: PlainOptions['controller']): number =>
      solvePlain(stiff, [0], { t0: 0, t1: 10, rtol: 1e-4, atol: 1e-4, controller }).stats.rejected;
    expect(rejected('PI')).toBeLessThan(rejected('I'));
  });

  it('reads one number for each trial step, on backends where reading must wait: forwards and by the adjoint method', async () => {
    const { downloadSync: _, ...waiting } = createReferenceBackend();
    const sizes: number[] = [];
    const counting: Backend = {
      ...waiting,
      download(x) {
        sizes.push(sizeOf(x.shape));
        return waiting.download(x);
      },
    };
    const put = (values: number[]): Tensor => tensor(values, { backend: counting });
    const y0 = { a: put([1, 2, 3]), b: put([0, 1]) };
    const p = put([3]);
    // y' = p cos(5t) y, whose steps grow and shrink, so that some are rejected.
    const field = (t: number, { a, b }: typeof y0, rate: Tensor): typeof y0 =>
      scope(() => ({ a: mul(mul(a, rate), Math.cos(5 * t)), b: mul(mul(b, rate), Math.cos(5 * t)) }));
    const options = { t0: 0, t1: 3, rtol: 1e-4, atol: 1e-6, adjoint: backsolve(), timeGradients: false };
    const run = await solveVjp(field, y0, p, options);
    const { accepted, rejected, nfe } = run.solution.stats;
    expect(rejected).toBeGreaterThan(0);
    // The choice of the first step takes three numbers and two evaluations; each trial of dopri5 then takes six.
    expect(nfe).toBe(6 * (accepted + rejected) + 2);
    expect(sizes).toEqual(Array.from({ length: accepted + rejected + 3 }, () => 1));
    sizes.length = 0;
    await run.pullback({ y1: run.solution.y1 });
    const trials = (run.solution.stats.nfeBackward - 2) / 6;
    expect(sizes).toEqual(Array.from({ length: trials + 3 }, () => 1));
  });

  it('takes tolerances by component', () => {
    // The second component is a sine of frequency 20, and nobody wants it.
    const f = (t: number): number[] => [Math.cos(t), 20 * Math.cos(20 * t)];
    const options = { t0: 0, t1: 3, solver: bosh3 };
    const all = solvePlain(f, [0, 0], { ...options, rtol: 0, atol: 1e-6 });
    const first = solvePlain(f, [0, 0], { ...options, rtol: 0, atol: [1e-6, 1e3] });
    expect(first.stats.nfe).toBeLessThan(all.stats.nfe / 2);
    expect(Math.abs(first.y1[0]! - Math.sin(3))).toBeLessThan(1e-4);
    for (const atol of [[1], [1, -1], [1, NaN], [1, 0]]) {
      expect(() => solvePlain(f, [0, 0], { ...options, atol })).toThrow(/atol does not fit a state of 2/);
    }
  });

  it('takes tolerances by tensor and by component of a tensor, with the steps of plain arrays', async () => {
    const plain = (t: number): number[] => [Math.cos(t), 20 * Math.cos(20 * t)];
    const wanted = solvePlain(plain, [0, 0], { t0: 0, t1: 3, rtol: [1e-3, 0], atol: [1e-6, 1e-1] });
    const before = backend.liveBuffers();
    const y0 = at([0, 0]);
    const rtol = at([1e-3, 0]);
    const atol = at([1e-6, 1e-1]);
    const whole = await solve((t) => at(plain(t)), y0, {}, { t0: 0, t1: 3, rtol, atol });
    expect(whole.stats.nfe).toBe(wanted.stats.nfe);
    const parts = await solve(
      (t) => ({ a: at(plain(t)[0]!), b: at(plain(t)[1]!) }),
      { a: at(0), b: at(0) },
      {},
      { t0: 0, t1: 3, rtol: { a: 1e-3, b: 0 }, atol: { a: 1e-6, b: 1e-1 } },
    );
    expect(parts.stats.nfe).toBe(wanted.stats.nfe);
    await expect(solve((_t, y: Tensor) => neg(y), y0, {}, { t0: 0, t1: 1, rtol: { a: 1, b: 1 } })).rejects.toThrow(
      /rtol does not fit the state \(y\)/,
    );
    for (const wrong of [
      { atol: [0, 1] },
      { atol: [-1, 1] },
      { rtol: [-1, 1] },
      { rtol: ['1', 1] },
      { atol: [null, 1] },
    ])
      await expect(
        solve((_t, y) => y.map(neg), [at(1), at(1)], {}, { t0: 0, t1: 1, ...(wrong as object) }),
      ).rejects.toThrow(/[ra]tol does not fit the state \(y.0,y.1\)/);
    for (const values of [
      [1, 0],
      [1, -1],
      [NaN, 1],
    ])
      // prettier-ignore
      await expect(solve((_t, y: Tensor) => neg(y), y0, {}, { t0: 0, t1: 1, atol: at(values) })).rejects.toThrow(
        /atol does not fit the state \(y\)/,
      );
    whole.dispose();
    parts.dispose();
    expect(backend.liveBuffers()).toBeGreaterThanOrEqual(before);
  });

  describe('jumps of the field', () => {
    // y' = 1 before the jump, -2 after it; the derivative at the jump itself is the one after it.
    const jump = 0.6180339887;
    const f = (t: number): number[] => [t < jump ? 1 : -2];
    const solveWith = (options: Partial<PlainOptions>) =>
      solvePlain(f, [0], { t0: 0, t1: 1, rtol: 1e-8, atol: 1e-8, ...options });

    it.each(['forwards', 'backwards'])('cost fewer evaluations when they are known: %s', (direction) => {
      const interval = direction === 'forwards' ? {} : { t0: 1, t1: 0 };
      const known = solveWith({ ...interval, jumpAt: [jump] });
      const unknown = solveWith(interval);
      expect(known.stats.nfe).toBeLessThan(unknown.stats.nfe / 2);
      const exact = (direction === 'forwards' ? 1 : -1) * (jump - 2 * (1 - jump));
      // Exact on both sides: the evaluations at the jump are on the right side of it.
      expect(Math.abs(known.y1[0]! - exact)).toBeLessThan(1e-14);
    });

    it('are taken again by replay, and differentiated exactly', async () => {
      const field = (t: number, y: Tensor, p: { a: Tensor; b: Tensor }): Tensor =>
        scope(() => mul(mul(y, 0.5), t < jump ? p.a : p.b));
      const [y0, params] = [at([1, 2]), { a: at(1), b: at(-2) }];
      const options = { t0: 0, t1: 1, jumpAt: [jump], rtol: 1e-9, atol: 1e-9 };
      for (const adjoint of [checkpoint(), checkpoint({ memory: 'sqrt' }), direct(), interpolated(), backsolve()]) {
        const { solution, pullback } = await solveVjp(field, y0, params, { ...options, adjoint });
        expect(read(replay(field, y0, params, solution.grid))).toEqual(read(solution.y1));
        const g = await pullback(at([1, 0]));
        const y1 = Math.exp(0.5 * (jump - 2 * (1 - jump)));
        expect(Math.abs(read(g.params.a)[0]! - 0.5 * jump * y1)).toBeLessThan(1e-7);
        expect(Math.abs(read(g.params.b)[0]! - 0.5 * (1 - jump) * y1)).toBeLessThan(1e-7);
      }
    });

    it('may be at the end, at a large time', async () => {
      const y0 = tensor([1], { backend, dtype: 'float32' });
      const t1 = 16777216 + 1;
      const { stats } = await solve(
        (_t, y) => neg(y),
        y0,
        {},
        { t0: t1 - 1, t1, jumpAt: [t1], rtol: 1e-3, atol: 1e-3 },
      );
      expect(stats.accepted).toBeGreaterThan(0);
    });
  });

  it('gives up after so many rejections in a row', async () => {
    const kink = (t: number): Tensor => at([t < 0.5 ? 1 : 1e6]);
    const error: unknown = await solve(kink, at([0]), {}, { t0: 0, t1: 1, maxRejects: 3 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(MaxStepsError);
    expect(error).toHaveProperty('code', 'MAX_REJECTS');
  });

  it('accepts any error at the smallest step', () => {
    // torchdiffeq's test: without it more than 100 evaluations, with it less than 50.
    const f = (t: number): number[] => [Math.cos(300 * t)];
    const options = { t0: 0, t1: 1, rtol: 1e-8, atol: 1e-8, solver: dopri5 };
    expect(solvePlain(f, [0], options).stats.nfe).toBeGreaterThan(100);
    expect(solvePlain(f, [0], { ...options, minStep: 0.15, firstStep: 0.2 }).stats.nfe).toBeLessThan(50);
  });
});

describe('outputs', () => {
  it.each([
    ['adaptive', { rtol: 1e-6, atol: 1e-6 }],
    ['fixed', { solver: rk4, steps: 50 }],
  ])('at every step, %s', (_name, options) => {
    const { ts, ys, y1, grid, t1 } = solvePlain(orbit, [1, 0], { t0: 0, t1: 3, everyStep: true, ...options });
    expect(ts).toEqual(grid.map(({ t }) => t));
    expect(t1).toBe(3);
    [...ys, y1].forEach((y, i) => {
      const t = [...ts, t1][i]!;
      expect(largestDifference(y, [Math.cos(t), -Math.sin(t)])).toBeLessThan(1e-4);
    });
  });

  it('at every step are differentiated like those at given times', async () => {
    const [y0, ct] = [at([1, 2]), at([1, -1])];
    const f = (t: number, y: Tensor): Tensor => mul(y, Math.cos(t));
    const every = await solveVjp(f, y0, {}, { t0: 0, t1: 2, steps: 4, solver: rk4, everyStep: true });
    const given = await solveVjp(f, y0, {}, { t0: 0, t1: 2, steps: 4, solver: rk4, saveAt: [0, 0.5, 1, 1.5] });
    const cts = { y1: ct, ys: [ct, undefined, ct, ct] };
    const [a, b] = [await every.pullback(cts), await given.pullback(cts)];
    expect([read(a.y0), a.t0, a.t1, a.ts]).toEqual([read(b.y0), b.t0, b.t1, b.ts]);
  });

  it('at any time, by the dense solution: forwards, backwards, at both ends', () => {
    for (const [t0, t1] of [
      [0, 3],
      [3, 0],
    ] as const) {
      const y0 = [Math.cos(t0), -Math.sin(t0)];
      const { at: state, derivativeAt, y1 } = solvePlain(orbit, y0, { t0, t1, dense: true, rtol: 1e-9, atol: 1e-9 });
      for (const t of [0, 0.1, 1.234, 2.9, 3]) {
        expect(largestDifference(state(t), [Math.cos(t), -Math.sin(t)])).toBeLessThan(1e-6);
        expect(largestDifference(derivativeAt(t), [-Math.sin(t), -Math.cos(t)])).toBeLessThan(1e-5);
      }
      expect(largestDifference(state(t1), y1)).toBeLessThan(1e-14);
      expect(() => state(3.01)).toThrow(/t = 3.01 is not between/);
      expect(() => solvePlain(orbit, y0, { t0, t1 }).at(1)).toThrow(/dense: true/);
    }
  });

  it('of tensors, which are the same, and leave nothing behind', async () => {
    const before = backend.liveBuffers();
    const y0 = at([1, 2]);
    const solution = await solve((_t, y) => neg(y), y0, {}, { t0: 0, t1: 2, dense: true });
    const [y, dy] = [solution.at(1.3), solution.derivativeAt(1.3)];
    expect(largestDifference(read(y), [Math.exp(-1.3), 2 * Math.exp(-1.3)])).toBeLessThan(1e-6);
    expect(largestDifference(read(dy), [-Math.exp(-1.3), -2 * Math.exp(-1.3)])).toBeLessThan(1e-5);
    expect(() => solution.at(-1)).toThrow(/t = -1 is not between 0 and 2/);
    for (const x of [y, dy, y0]) x.dispose();
    solution.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});

it('reproduces the rest of a solve from a saved state, by the step that was to follow', () => {
  // The saved state is read from the dense output at the end of its step: the same up to rounding.
  const options = { t1: 6, rtol: 1e-6, atol: 1e-6, stepTo: [6] };
  const whole = solvePlain(orbit, [1, 0], { ...options, t0: 0, everyStep: true });
  const n = Math.floor(whole.grid.length / 2);
  const { t, dt } = whole.grid[n]!;
  const rest = solvePlain(orbit, whole.ys[n]!, { ...options, t0: t, firstStep: dt });
  expect(rest.grid).toHaveLength(whole.grid.length - n);
  rest.grid.forEach((step, i) => expect(Math.abs(step.t - whole.grid[n + i]!.t)).toBeLessThan(1e-8));
  expect(largestDifference(rest.y1, whole.y1)).toBeLessThan(1e-10);
});

describe('onFailure: return', () => {
  it.each([
    ['a singularity', { rtol: 1e-6, atol: 1e-6 }, 'STEP_SIZE_UNDERFLOW'],
    ['too many steps', { maxSteps: 5 }, 'MAX_STEPS'],
    ['fixed steps across it', { solver: rk4, steps: 30 }, 'NON_FINITE_DERIVATIVE'],
  ])('gives what was reached, up to %s', async (_name, options, code) => {
    const saveAt = [0, 0.05, 0.9, 1.9];
    const all = { t0: 0, t1: 2, onFailure: 'return', ...options, saveAt } as const;
    const before = backend.liveBuffers();
    const y0 = at([1]);
    const there = await solve((_t, y) => mul(y, y), y0, {}, all);
    const here = solvePlain((_t, y) => [y[0]! ** 2], [1], all);
    for (const { status, failure, ts, t1, ys } of [there, here]) {
      expect(status).toBe('failed');
      expect(failure).toHaveProperty('code', code);
      expect(t1).toBeGreaterThan(0);
      expect(t1).toBeLessThan(2);
      expect(ts).toEqual(saveAt.filter((t) => t <= t1));
      expect(ys).toHaveLength(ts.length);
    }
    expect(Number.isFinite(here.y1[0]!) && Number.isFinite(read(there.y1)[0]!)).toBe(true);
    const state = (here.failure as unknown as { report: { state: Float64Array[] } }).report.state[0]!;
    expect(Array.from(state)).toEqual(Array.from(here.y1));
    there.dispose();
    y0.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('keeps the events on the way to it, by fixed steps', () => {
    // y = tan t passes 1 at π / 4; the third derivative of steps past π / 2 overflows.
    const f = (_t: number, y: Float64Array): number[] => [1 + y[0]! ** 2];
    const events = [{ terminal: false, value: (_t: number, y: Float64Array): number => y[0]! - 1 }];
    const seen: number[] = [];
    const onStep = ({ t }: { t: number }): void => void seen.push(t);
    const options = { t0: 0, t1: 4, solver: rk4, steps: 40, events, onFailure: 'return', onStep } as const;
    const { status, events: fired, t1 } = solvePlain(f, [0], options);
    expect(status).toBe('failed');
    expect(fired).toHaveLength(1);
    expect(Math.abs(fired[0]!.t - Math.PI / 4)).toBeLessThan(1e-4);
    expect(Math.abs(fired[0]!.y[0]! - 1)).toBeLessThan(1e-12);
    expect(t1).toBeGreaterThan(1.5);
    expect(seen).toEqual([...new Set(seen)]); // each step is told about once
  });
});
