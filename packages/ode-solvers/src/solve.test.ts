import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, matMul, mul, neg, reshape, scope, sin, sub, tensor, type Backend, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at, backend, largestDifference, problems, read } from '../test/problems.ts';
import {
  alf,
  dopri5,
  euler,
  reversibleHeun,
  rk4,
  solve,
  solveAdams,
  solveBatch,
  solveReversible,
  solvers,
  solveStiff,
  type Solver,
  type SolveOptions,
  type StepInfo,
  type StepOptions,
} from './index.ts';

type MirrorField = (t: number, y: Tensor) => Tensor;
type MirrorOptions = Pick<StepOptions, 't0' | 't1' | 'rtol' | 'atol' | 'saveAt'>;
interface MirrorRun {
  readonly y1: Tensor;
  readonly ys?: readonly Tensor[];
  readonly t1: number | readonly number[];
  readonly stats: unknown;
}

const decay = (_t: number, y: Tensor): Tensor => neg(y);
const each = Object.values(solvers as Readonly<Record<string, Solver>>);
/** Random y' = Ay of two components, its solution at a random time, and ‖A t‖ ≤ 4. */
const linear = fc
  .tuple(
    fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
    fc.double({ min: -2, max: 2, noNaN: true }),
  )
  .map(([[a, b, c, d], t1]) => {
    // exp(A t) = e^(m t) (cosh(q t) + (A - m) sinh(q t) / q) with m = tr A / 2 and q² = m² - det A.
    const [m, q2] = [(a! + d!) / 2, ((a! + d!) / 2) ** 2 - (a! * d! - b! * c!)];
    const q = Math.sqrt(Math.abs(q2));
    const cosine = q2 < 0 ? Math.cos(q * t1) : Math.cosh(q * t1);
    const sine = q < 1e-8 ? t1 : (q2 < 0 ? Math.sin(q * t1) : Math.sinh(q * t1)) / q;
    const grown = Math.exp(m * t1);
    const [x, y] = [1, -0.5];
    const exact = [
      grown * (cosine * x + sine * ((a! - m) * x + b! * y)),
      grown * (cosine * y + sine * (c! * x + (d! - m) * y)),
    ];
    const matrix = tensor([a!, c!, b!, d!], { backend, shape: [2, 2] });
    const f = (_t: number | Tensor, row: Tensor): Tensor => matMul(row, matrix);
    const size = Math.abs(t1) * Math.max(Math.abs(a!) + Math.abs(b!), Math.abs(c!) + Math.abs(d!));
    return { f, start: tensor([x, y], { backend, shape: [1, 2] }), t1, exact, size };
  });
/** Fixed steps where a method needs them. */
const steps = (solver: Solver): Partial<SolveOptions> => (solver.error ? {} : { steps: 10 });

/** As a GPU: nothing can be read without waiting. */
function createAsyncBackend(): Backend {
  const { downloadSync: _, ...rest } = createReferenceBackend();
  return rest;
}

describe('solve', () => {
  it('solves closed forms forwards and backwards: constant, linear, sine, exponential', async () => {
    const cases: [string, (t: number, y: Tensor) => Tensor, (t: number) => number][] = [
      ['constant', () => at([0.2]), (t) => 1 + 0.2 * t],
      ['linear', (t, y) => add(at([0.2 + 3 * t]), mul(y, 0)), (t) => 1 + 0.2 * t + 1.5 * t * t],
      ['sine', (t, y) => add(mul(y, 2 / t), t ** 4 * Math.sin(2 * t) - t ** 2 + 4 * t ** 3), (t) => sine(t)],
      ['exponential', decay, (t) => Math.exp(-t)],
    ];
    const sine = (t: number): number =>
      t ** 2 *
      ((-(t ** 2) / 2) * Math.cos(2 * t) + (t / 2) * Math.sin(2 * t) + Math.cos(2 * t) / 4 - t + 2 * t ** 2 + 1);
    for (const [name, f, exact] of cases) {
      for (const [t0, t1] of [
        [1, 8],
        [8, 1],
      ] as const) {
        const { y1 } = await solve(f, at([exact(t0)]), {}, { t0, t1 });
        expect(Math.abs(read(y1)[0]! / exact(t1) - 1), `${name} from ${t0} to ${t1}`).toBeLessThan(1e-4);
      }
    }
  });

  it('agrees with the matrix exponential on random linear systems', async () => {
    const entries = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 9, maxLength: 9 });
    const vector = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 });
    const time = fc.double({ min: -2, max: 2, noNaN: true });
    await fc.assert(
      fc.asyncProperty(entries, vector, time, async (a, y0, t1) => {
        const matrix = tensor(a, { backend, shape: [3, 3] });
        const f = (_t: number, y: Tensor): Tensor => scope(() => reshape(matMul(matrix, reshape(y, [3, 1])), [3]));
        const { y1 } = await solve(f, at(y0), {}, { t0: 0, t1, rtol: 1e-9, atol: 1e-11 });
        // ‖A t‖ ≤ 6: the series converges, and errors grow by e⁶ at most.
        let term = y0;
        let exact = y0;
        for (let n = 1; n < 60; n++) {
          term = [0, 1, 2].map((i) => (t1 / n) * [0, 1, 2].reduce((s, j) => s + a[3 * i + j]! * term[j]!, 0));
          exact = exact.map((v, i) => v + term[i]!);
        }
        expect(largestDifference(read(y1), exact)).toBeLessThan(1e-7);
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it.each(each.filter(({ error }) => error))(
    'agrees with the matrix exponential on random linear systems: $name, and Adams, Kværnø and batches',
    async (solver) => {
      await fc.assert(
        fc.asyncProperty(linear, async ({ f, start, t1, exact }) => {
          const options = { t0: 0, t1, rtol: 1e-8, atol: 1e-10 };
          const solutions = [
            await solve(f, start, {}, { ...options, solver }),
            await solveBatch(f, start, {}, { ...options, solver }),
            await solveAdams(f, start, {}, options),
            await solveStiff(f, start, {}, options),
          ];
          // ‖A t‖ ≤ 4: errors of 1e-8 a step grow by e⁴ at most, over some hundred steps of the lowest orders.
          for (const { y1 } of solutions) expect(largestDifference(read(y1), exact)).toBeLessThan(1e-4);
        }),
        { numRuns: 6, seed: 2 },
      );
    },
  );

  const byFixedSteps: [
    string,
    number,
    (f: MirrorField, y0: Tensor, t1: number, steps: number) => Promise<MirrorRun>,
  ][] = [
    ...each
      .filter(({ error }) => !error)
      .map((solver): (typeof byFixedSteps)[number] => [
        solver.name,
        solver.order,
        (f, y0, t1, steps) => solve(f, y0, {}, { t0: 0, t1, steps, solver }),
      ]),
    ...[reversibleHeun, alf].map((method): (typeof byFixedSteps)[number] => [
      method.name,
      method.order,
      (f, y0, t1, steps) => solveReversible(f, y0, {}, { t0: 0, t1, steps, method }),
    ]),
    // Of the largest order by default, 5, the explicit method has one less; the corrector is iterated to 1e-12.
    ...(['explicit', 'implicit'] as const).map((method): (typeof byFixedSteps)[number] => [
      `${method} Adams`,
      method === 'explicit' ? 4 : 5,
      (f, y0, t1, steps) =>
        solveAdams(f, y0, {}, { t0: 0, t1, steps, method, rtol: 1e-12, atol: 1e-12, iterations: 20 }),
    ]),
  ];

  it.each(byFixedSteps)(
    'agrees with the matrix exponential on random linear systems, to the order of its fixed steps: %s',
    async (_name, order, run) => {
      await fc.assert(
        fc.asyncProperty(linear, async ({ f, start, t1, exact, size }) => {
          for (const steps of [16, 64]) {
            const { y1 } = await run(f, start, t1, steps);
            // With z = ‖A‖ dt a step is off by z^(p+1) / (p+1)! at most in a Runge-Kutta method of p stages, in the others by z^(p+1); all of
            // them, and those at the start, grow by exp(‖A t‖) at most.
            const bound = (1 + size) * (size / steps) ** order * Math.exp(size);
            expect(largestDifference(read(y1), exact)).toBeLessThan(bound + 1e-10);
          }
        }),
        { numRuns: 12, seed: 3 },
      );
    },
  );

  it.each(each)('$name mirrors time exactly', async (solver) => {
    const f = (t: number, y: Tensor): Tensor => scope(() => sub(mul(y, Math.cos(t)), mul(sin(y), 0.1)));
    const mirrored = (t: number, y: Tensor): Tensor => scope(() => neg(f(-t, y)));
    const options = { solver, ...steps(solver), rtol: 1e-6, atol: 1e-6 };
    const one = await solve(f, at([1, 2]), {}, { ...options, t0: 4, t1: 0.3, saveAt: [3, 1.1] });
    const other = await solve(mirrored, at([1, 2]), {}, { ...options, t0: -4, t1: -0.3, saveAt: [-3, -1.1] });
    // The same operations on the same numbers but for signs: equal to the last bit.
    expect(read(one.y1)).toEqual(read(other.y1));
    expect(one.ys.map(read)).toEqual(other.ys.map(read));
    expect(one.grid.map(({ t, dt }) => [-t, -dt])).toEqual(other.grid.map(({ t, dt }) => [t, dt]));
    expect(one.stats).toEqual(other.stats);
    const [there, mirror] = [
      await solve(f, at([1, 2]), {}, { ...options, t0: 4, t1: 0.3, dense: true }),
      await solve(mirrored, at([1, 2]), {}, { ...options, t0: -4, t1: -0.3, dense: true }),
    ];
    for (const t of [4, 3, 2.2, 1.1, 0.3]) {
      expect(read(there.at(t))).toEqual(read(mirror.at(-t)));
      expect(read(there.derivativeAt(t))).toEqual(read(neg(mirror.derivativeAt(-t))));
    }
  });

  const others: [string, (f: MirrorField, options: MirrorOptions) => Promise<MirrorRun>][] = [
    ['solveStiff', (f, options) => solveStiff(f, at([[1, 2]]), {}, options)],
    ['solveAdams', (f, options) => solveAdams(f, at([[1, 2]]), {}, options)],
    ['solveBatch', (f, options) => solveBatch((t, y: Tensor) => f(read(t)[0]!, y), at([[1, 2]]), {}, options)],
    ...[reversibleHeun, alf].map((method): (typeof others)[number] => [
      `solveReversible, ${method.name}`,
      (f, { t0, t1 }) => solveReversible(f, at([[1, 2]]), {}, { t0, t1, steps: 50, method }),
    ]),
  ];

  it.each(others)('%s mirrors time exactly', async (_name, run) => {
    const f = (t: number, y: Tensor): Tensor => scope(() => sub(mul(y, Math.cos(t)), mul(sin(y), 0.1)));
    const mirrored = (t: number, y: Tensor): Tensor => scope(() => neg(f(-t, y)));
    const options = { rtol: 1e-6, atol: 1e-6 };
    const one = await run(f, { ...options, t0: 4, t1: 0.3, saveAt: [3, 1.1] });
    const other = await run(mirrored, { ...options, t0: -4, t1: -0.3, saveAt: [-3, -1.1] });
    expect(read(one.y1)).toEqual(read(other.y1));
    expect(one.ys?.map(read)).toEqual(other.ys?.map(read));
    expect([one.t1].flat().map((t) => -t)).toEqual([other.t1].flat());
    expect(one.stats).toEqual(other.stats);
    // y' = y cos t and a little: the solution itself, to the methods' accuracy.
    const exact = await solve(f, at([[1, 2]]), {}, { t0: 4, t1: 0.3, rtol: 1e-10, atol: 1e-10 });
    expect(largestDifference(read(one.y1), read(exact.y1))).toBeLessThan(1e-2);
  });

  it.each(each)('$name returns a copy of the state when t0 = t1', async (solver) => {
    const y0 = at([1, 2]);
    const options = { t0: 1, t1: 1, solver, ...steps(solver), saveAt: [1] };
    const { y1, ys, ts, grid, stats } = await solve(decay, y0, {}, options);
    expect([read(y1), ys.map(read), ts, grid]).toEqual([[1, 2], [[1, 2]], [1], []]);
    expect(stats).toEqual({ accepted: 0, rejected: 0, nfe: 0, nfeBackward: 0, dtMin: 0, dtMax: 0 });
    expect(y1).not.toBe(y0);
    y1.dispose();
    expect(read(y0)).toEqual([1, 2]);
  });

  it('takes ten fixed steps of 0.1 on [0, 1], the last to 1 exactly', async () => {
    const seen: StepInfo[] = [];
    const times: number[] = [];
    const f = (t: number, y: Tensor): Tensor => (times.push(t), neg(y));
    const { grid, stats } = await solve(
      f,
      at([1]),
      {},
      {
        t0: 0,
        t1: 1,
        solver: rk4,
        stepSize: 0.1,
        onStep: (info) => seen.push(info),
      },
    );
    expect([seen.length, grid.length, stats.accepted, stats.rejected, stats.nfe]).toEqual([10, 10, 10, 0, 40]);
    expect(times[times.length - 1]).toBe(1);
    expect(seen.every((info) => info.accepted && info.errorRatio === undefined)).toBe(true);
    expect([stats.dtMin, stats.dtMax].map((dt) => dt.toFixed(12))).toEqual(['0.100000000000', '0.100000000000']);
  });

  it('takes fixed steps with an adaptive method when asked to, reusing its last stage', async () => {
    const { y1, stats } = await solve(decay, at([1]), {}, { t0: 0, t1: 1, solver: dopri5, steps: 20 });
    expect([stats.accepted, stats.nfe]).toEqual([20, 1 + 6 * 20 - 1]); // the last step needs no last stage
    expect(Math.abs(read(y1)[0]! - Math.exp(-1))).toBeLessThan(1e-9);
  });

  it('counts what it does: callbacks, evaluations, accepted and rejected steps', async () => {
    const seen: StepInfo[] = [];
    let calls = 0;
    const f = (t: number, y: Tensor): Tensor => (calls++, problems['lotka_volterra']!.field(t, y, {}));
    const options = { t0: 0, t1: 4, rtol: 1e-5, atol: 1e-5, onStep: (info: StepInfo) => seen.push(info) };
    const { stats, grid } = await solve(f, at([10, 5]), {}, options);
    expect(stats.rejected).toBeGreaterThan(0);
    expect(stats.accepted + stats.rejected).toBe(seen.length);
    expect(stats.nfe).toBe(calls);
    expect(seen[seen.length - 1]!.nfe).toBe(calls);
    const accepted = seen.filter((info) => info.accepted);
    expect(accepted.map(({ t, dt }) => ({ t, dt }))).toEqual(grid.map(({ t, dt }) => ({ t, dt })));
    expect(accepted.every((info) => info.errorRatio! <= 1)).toBe(true);
    expect(stats.dtMin).toBe(Math.min(...grid.map(({ dt }) => dt)));
    expect(stats.dtMax).toBe(Math.max(...grid.map(({ dt }) => dt)));
    grid.forEach(({ t, dt }, i) => expect(grid[i + 1]?.t ?? t + dt).toBe(t + dt));
  });

  it('keeps to the first, smallest and largest step', async () => {
    const options = { t0: 0, t1: 1, rtol: 1e-10, atol: 1e-12 };
    const f = (t: number, y: Tensor): Tensor => mul(y, Math.cos(50 * t));
    const free = await solve(f, at([1]), {}, options);
    const floored = await solve(f, at([1]), {}, { ...options, minStep: 0.2 });
    expect(free.stats.nfe).toBeGreaterThan(100);
    expect(floored.stats.nfe).toBeLessThan(50);
    expect(floored.stats.dtMin).toBeGreaterThanOrEqual(0.2);
    const capped = await solve(decay, at([1]), {}, { t0: 0, t1: 1, maxStep: 0.01, firstStep: 0.005 });
    expect(capped.grid[0]!.dt).toBe(0.005);
    expect(capped.stats.dtMax).toBeLessThanOrEqual(0.01);
  });

  it('passes the end and interpolates, unless steps must end there', async () => {
    let latest = 0;
    const f = (t: number, y: Tensor): Tensor => ((latest = Math.max(latest, t)), neg(y));
    const options = { t0: 0, t1: 1, rtol: 1e-5, atol: 1e-5 };
    const passing = await solve(f, at([1]), {}, options);
    const last = passing.grid[passing.grid.length - 1]!;
    expect(latest).toBe(last.t + last.dt);
    expect([last.until, latest > 1]).toEqual([1, true]);

    latest = 0;
    const stopping = await solve(f, at([1]), {}, { ...options, stepTo: [0.1, 1] });
    expect(latest).toBe(1);
    expect(stopping.grid.some(({ t }) => t === 0.1)).toBe(true);
    expect(stopping.grid[stopping.grid.length - 1]!.until).toBeUndefined();
    for (const { y1 } of [passing, stopping]) expect(Math.abs(read(y1)[0]! - Math.exp(-1))).toBeLessThan(1e-5);
  });

  it('does not let output times change adaptive steps', async () => {
    const options = { t0: 0, t1: 3, rtol: 1e-5, atol: 1e-5 };
    const without = await solve(decay, at([1]), {}, options);
    const saveAt = Array.from({ length: 31 }, (_, i) => i / 10);
    const withOutputs = await solve(decay, at([1]), {}, { ...options, saveAt });
    expect(withOutputs.grid).toEqual(without.grid);
    expect(withOutputs.stats.nfe).toBe(without.stats.nfe);
    expect(withOutputs.ts).toEqual(saveAt);
    withOutputs.ys.forEach((y, i) => expect(Math.abs(read(y)[0]! - Math.exp(-saveAt[i]!))).toBeLessThan(1e-4));
  });

  it('takes trees, and fields that order their keys otherwise', async () => {
    const y0 = { x: at([1, 0]), parts: [at(2)] };
    type State = typeof y0;
    const f = (_t: number, { x, parts }: State): State => ({ parts: [mul(parts[0]!, 2)], x: neg(x) });
    const { y1 } = await solve(f, y0, {}, { t0: 0, t1: 1, rtol: 1e-9, atol: 1e-9 });
    expect(largestDifference(read(y1.x), [Math.exp(-1), 0])).toBeLessThan(1e-8);
    expect(Math.abs(read(y1.parts[0]!)[0]! - 2 * Math.exp(2))).toBeLessThan(1e-7);
  });

  it('measures the error over all elements, or over each tensor on its own', async () => {
    // Of many quiet components and a lively one, `rms` takes the mean.
    const y0 = [at(new Array<number>(99).fill(1)), at([1])];
    const f = (t: number, [a, b]: readonly Tensor[]): Tensor[] => [mul(a!, 0), mul(b!, 20 * Math.cos(20 * t))];
    const options = { t0: 0, t1: 1, rtol: 1e-6, atol: 1e-6 };
    const rms = await solve(f, y0, {}, options);
    const mixed = await solve(f, y0, {}, { ...options, norm: 'mixed' });
    const alone = await solve((t, [b]: readonly Tensor[]) => [mul(b!, 20 * Math.cos(20 * t))], [at([1])], {}, options);
    expect(mixed.stats.accepted).toBe(alone.stats.accepted);
    expect(rms.stats.accepted).toBeLessThan(mixed.stats.accepted);
  });

  it('solves in float32 as in float64, to 1e-5', async () => {
    const { field } = problems['exp_decay']!;
    const y0 = [1, -2, 0.5];
    const options = { t0: 0, t1: 5, rtol: 1e-5, atol: 1e-5 };
    const double = await solve(field, at(y0), {}, options);
    const single = await solve(field, tensor(y0, { backend, dtype: 'float32' }), {}, options);
    expect(single.y1.dtype).toBe('float32');
    expect(single.stats).toMatchObject({ accepted: double.stats.accepted, nfe: double.stats.nfe });
    expect(largestDifference(read(single.y1), read(double.y1))).toBeLessThan(1e-5);
  });

  it('ends at a large t1 in float32, where the state cannot tell the last times apart', async () => {
    const y0 = tensor([1], { backend, dtype: 'float32' });
    const { stats } = await solve(decay, y0, {}, { t0: 1e8, t1: 1e8 + 1, rtol: 1e-4, atol: 1e-4, stepTo: [1e8 + 1] });
    expect(stats.accepted).toBeLessThan(20);
  });

  it('takes an empty batch', async () => {
    for (const solver of each) {
      const { y1 } = await solve(
        decay,
        tensor([], { backend, shape: [0, 2] }),
        {},
        { t0: 0, t1: 1, solver, ...steps(solver) },
      );
      expect(y1.shape).toEqual([0, 2]);
    }
  });

  it('gives the same on a backend that computes asynchronously', async () => {
    const waiting = createAsyncBackend();
    const { field } = problems['exp_decay']!;
    const options = { t0: 0, t1: 5, rtol: 1e-5, atol: 1e-5, saveAt: [0, 1, 5] };
    const y0 = tensor([1, -2, 0.5], { backend: waiting });
    for (const solver of [dopri5, euler]) {
      const there = await solve(field, y0, {}, { ...options, solver });
      const here = await solve(field, at([1, -2, 0.5]), {}, { ...options, solver });
      expect(Array.from(await there.y1.data())).toEqual(read(here.y1));
      expect(there.stats).toEqual(here.stats);
      expect(waiting.liveBuffers()).toBe(1 + 4);
      there.dispose();
    }
    expect(waiting.liveBuffers()).toBe(1);
  });

  it('leaves tensors alone that a field returns but did not make', async () => {
    const drift = at([1, 2]);
    const params = { drift: at([3, 4]) };
    const y0 = at([0, 1]);
    const fields = [() => drift, () => params.drift, (_t: number, y: Tensor) => y];
    for (const solver of each) {
      for (const f of fields) {
        const before = backend.liveBuffers();
        const { dispose } = await solve(f, y0, params, { t0: 0, t1: 1, solver, ...steps(solver) });
        dispose();
        expect(backend.liveBuffers()).toBe(before);
        expect([drift, params.drift, y0].some((x) => x.isDisposed)).toBe(false);
      }
    }
  });
});

describe('memory and interruption', () => {
  const waiting = createAsyncBackend();
  const cases = [
    { kind: 'at once', on: backend },
    { kind: 'later', on: waiting },
  ];

  describe.each(cases)('on a backend that computes $kind', ({ on }) => {
    const y0 = tensor([10, 5], { backend: on });
    const field = (_t: number, y: Tensor): Tensor => scope(() => mul(neg(y), y));

    it.each(each)('$name keeps nothing but its results', async (solver) => {
      const before = on.liveBuffers();
      const solution = await solve(field, y0, {}, { t0: 0, t1: 1, solver, ...steps(solver), saveAt: [0, 0.3, 0.7] });
      expect(on.liveBuffers()).toBe(before + 4);
      solution.dispose();
      expect(on.liveBuffers()).toBe(before);
    });

    it.each(each)('$name frees everything when the field throws', async (solver) => {
      const before = on.liveBuffers();
      for (const failing of [1, 2, 3, 8, 20]) {
        let calls = 0;
        const f = (t: number, y: Tensor): Tensor => {
          const value = field(t, y);
          if (++calls === failing) throw new Error('field failed');
          return value;
        };
        const options = { t0: 0, t1: 1, solver, ...steps(solver), saveAt: [0, 0.01, 0.1, 0.3] };
        const run = solve(f, y0, {}, solver === euler ? { ...options, steps: 30 } : options);
        await expect(run).rejects.toThrow('field failed');
        expect(on.liveBuffers()).toBe(before);
      }
    });

    it.each(each)('$name frees everything when the callback throws or the solve is aborted', async (solver) => {
      const before = on.liveBuffers();
      const options = { t0: 0, t1: 1, solver, ...steps(solver), saveAt: [0, 0.01] };
      let seen = 0;
      const onStep = (): void => {
        if (++seen === 3) throw new Error('callback failed');
      };
      await expect(solve(field, y0, {}, { ...options, onStep })).rejects.toThrow('callback failed');
      expect(on.liveBuffers()).toBe(before);

      const controller = new AbortController();
      const abort = (): void => controller.abort(new Error('enough'));
      await expect(solve(field, y0, {}, { ...options, onStep: abort, signal: controller.signal })).rejects.toThrow(
        'enough',
      );
      expect(on.liveBuffers()).toBe(before);
      await expect(solve(field, y0, {}, { ...options, signal: controller.signal })).rejects.toThrow('enough');
      expect(on.liveBuffers()).toBe(before);
    });
  });

  it('lets a timer abort a solve that never waits', async () => {
    const before = backend.liveBuffers();
    const y0 = at([1]);
    const options = { t0: 0, t1: 1e9, solver: euler, steps: 1e8, maxSteps: 1e9, signal: AbortSignal.timeout(60) };
    await expect(solve(() => at([0]), y0, {}, { ...options, steps: 1e6 })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    y0.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('refuses states and fields that do not fit, and frees', async () => {
    const y0 = at([1, 2]);
    const before = backend.liveBuffers();
    const options = { t0: 0, t1: 1 };
    await expect(solve(() => at([1]), y0, {}, options)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: ode: f has shape [1], the state has [2]. To fix: give it the structure, shapes and dtypes of the state.]`,
    );
    await expect(solve((_t, y) => y, [] as Tensor[], {}, options)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: solve: the state holds no tensor. To fix: give a tensor or a tree of tensors.]`,
    );
    const integers = tensor([1], { backend, dtype: 'int32' });
    await expect(solve((_t, y) => y, integers, {}, options)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DTypeError: solve: y is int32. To fix: cast the state to a floating type.]`,
    );
    await expect(solve(decay, y0, {}, { t0: 0, t1: NaN })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ValueError: solve: t1 is NaN. To fix: give a finite number.]`,
    );
    integers.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
