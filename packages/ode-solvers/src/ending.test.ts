import { describe, expect, it } from 'vitest';
import {
  cast,
  DTypeError,
  mul,
  neg,
  reshape,
  scope,
  ShapeError,
  slice,
  sqrt,
  square,
  type Tensor,
} from '@sparseflow/tensor';
import { at, backend, largestDifference, read } from '../test/problems.ts';
import {
  alf,
  MaxStepsError,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  solve,
  solveAdams,
  solveBatch,
  solveReversible,
  solveStiff,
  StepSizeUnderflowError,
  type Ending,
  type StepInfo,
  type StepOptions,
} from './index.ts';

type Field = (t: number, y: Tensor) => Tensor;
interface Run extends Omit<Ending, 'status'> {
  readonly status: string;
  readonly y1: Tensor;
  readonly stats: { readonly accepted: number; readonly rejected: number; readonly nfe: number };
  dispose(): void;
}
type Options = Pick<StepOptions, 't0' | 't1' | 'onFailure' | 'onStep'> & { readonly signal?: AbortSignal };

/** Every way to solve that reports its steps, with the failure that y' = y² meets at t = 1. */
const ways: [string, (f: Field, y0: Tensor, options: Options) => Promise<Run>, new (...args: never[]) => Error][] = [
  ['solve', (f, y0, options) => solve(f, y0, {}, options), StepSizeUnderflowError],
  ['adaptive Adams', (f, y0, options) => solveAdams(f, y0, {}, options), StepSizeUnderflowError],
  ['explicit Adams', (f, y0, o) => solveAdams(f, y0, {}, { ...o, steps: 40, method: 'explicit' }), NonFiniteStateError],
  ['implicit Adams', (f, y0, o) => solveAdams(f, y0, {}, { ...o, steps: 40 }), NonFiniteStateError],
  ['solveStiff', (f, y0, options) => solveStiff(f, y0, {}, options), StepSizeUnderflowError],
  ['reversible Heun', (f, y0, o) => solveReversible(f, y0, {}, { ...o, steps: 40 }), NonFiniteStateError],
  ['alf', (f, y0, o) => solveReversible(f, y0, {}, { ...o, steps: 40, method: alf }), NonFiniteStateError],
];

describe.each(ways)('%s', (name, run, Failure) => {
  const fixed = Failure === NonFiniteStateError;

  it('returns a failed solve with its last good state', async () => {
    const y0 = at([1, 0.1]);
    const before = backend.liveBuffers();
    // 1 / (1 - t); fixed steps pass the pole and take some more to overflow.
    const blowUp: Field = (_t, y) => scope(() => square(y));
    const options = { t0: 0, t1: fixed ? 20 : 2 };
    await expect(run(blowUp, y0, options)).rejects.toBeInstanceOf(Failure);
    expect(backend.liveBuffers()).toBe(before);
    const solution = await run(blowUp, y0, { ...options, onFailure: 'return' });
    expect(solution).toMatchObject({ status: 'failed' });
    expect(solution.failure).toBeInstanceOf(Failure);
    const { report } = solution.failure as NonFiniteStateError;
    expect(report.time).toBe(solution.t1);
    expect(Array.from(report.state[0]!)).toEqual(read(solution.y1));
    expect(report.accepted).toBe(solution.stats.accepted);
    expect(read(solution.y1).every(Number.isFinite)).toBe(true);
    if (!fixed) expect(Math.abs(solution.t1 - 1)).toBeLessThan(1e-4);
    expect(read(solution.y1)[0]!).toBeGreaterThan(100);
    solution.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('refuses a field of another shape or dtype, from the start or later, and frees everything', async () => {
    const y0 = at([1, 2]);
    const before = backend.liveBuffers();
    const wrong: [new (...args: never[]) => Error, string, Field][] = [
      [ShapeError, 'f has shape [1], the state has [2]', (_t, y) => slice(y, [0], [1])],
      [DTypeError, 'f is float32, the state is float64', (_t, y) => cast(y, 'float32')],
    ];
    for (const [Misfit, said, misfit] of wrong) {
      for (const first of [1, 2, 7]) {
        let calls = 0;
        const f: Field = (t, y) => (++calls < first ? neg(y) : misfit(t, y));
        for (const onFailure of ['throw', 'return'] as const) {
          calls = 0;
          const error: unknown = await run(f, y0, { t0: 0, t1: 1, onFailure }).catch((e: unknown) => e);
          expect(error).toBeInstanceOf(Misfit);
          expect(error).toHaveProperty('message', expect.stringContaining(said));
          expect(backend.liveBuffers()).toBe(before);
        }
      }
    }
  });

  it('returns a solve that fails at its start', async () => {
    const y0 = at([1, NaN]);
    const solution = await run((_t, y) => scope(() => neg(y)), y0, { t0: 0, t1: 1, onFailure: 'return' });
    expect(solution.failure).toBeInstanceOf(NonFiniteStateError);
    expect(solution).toMatchObject({ status: 'failed', t1: 0, stats: { accepted: 0 } });
    expect(read(solution.y1)).toEqual([1, NaN]);
  });

  it('says of a solve that ends that it ended', async () => {
    expect(await run((_t, y) => scope(() => neg(y)), at([1]), { t0: 0, t1: 0.5, onFailure: 'return' })).toMatchObject({
      status: 'done',
      failure: undefined,
      t1: 0.5,
    });
  });

  it('tells onStep of every attempted step', async () => {
    const told: StepInfo[] = [];
    // A jump in the slope makes steps fail.
    const f: Field = (t, y) => scope(() => mul(y, t < 0.43 ? -1 : 20));
    const { stats, t1 } = await run(f, at([1]), { t0: 0, t1: 1, onStep: (info) => told.push(info) });
    const accepted = told.filter((info) => info.accepted);
    expect([accepted.length, told.length]).toEqual([stats.accepted, stats.accepted + stats.rejected]);
    // Each accepted one begins where the one before ends.
    accepted.forEach(({ t }, i) =>
      expect(Math.abs(t - (i === 0 ? 0 : accepted[i - 1]!.t + accepted[i - 1]!.dt))).toBeLessThan(1e-14),
    );
    const last = accepted.at(-1)!;
    expect(last.t + last.dt).toBeGreaterThanOrEqual(t1 - 1e-14);
    for (const { accepted: good, errorRatio } of told) {
      if (fixed) expect(errorRatio).toBeUndefined();
      else expect(errorRatio! <= 1).toBe(good);
    }
    if (!fixed) expect(stats.rejected).toBeGreaterThan(0);
    told.forEach(({ nfe }, i) => expect(nfe).toBeGreaterThan(told[i - 1]?.nfe ?? 0));
    expect(told.at(-1)!.nfe).toBeLessThanOrEqual(stats.nfe);
  });

  it('ends with what onStep throws, and when a signal aborts from outside, and frees everything', async () => {
    const y0 = at([1]);
    const before = backend.liveBuffers();
    const f: Field = (_t, y) => scope(() => neg(y));
    let steps = 0;
    const onStep = (): void => {
      if (++steps === 3) throw new Error('enough');
    };
    await expect(run(f, y0, { t0: 0, t1: 1, onStep, onFailure: 'return' })).rejects.toThrow('enough');
    expect(backend.liveBuffers()).toBe(before);
    await expect(run(f, y0, { t0: 0, t1: 1, signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow(
      'at once',
    );
    // The event loop gets a turn at least every 50 ms of a solve that would take ten seconds.
    const slow: Field = (t, y) => {
      const start = performance.now();
      while (performance.now() - start < 5);
      return f(t, y);
    };
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('late')), 20);
    const options = {
      t0: 0,
      t1: name === 'solveStiff' ? 1e9 : 1e3,
      signal: controller.signal,
      onFailure: 'return',
    } as const;
    await expect(run(slow, y0, options)).rejects.toThrow('late');
    expect(backend.liveBuffers()).toBe(before);
  });
});

describe('solveBatch', () => {
  // Rows meet their poles at t = 1 and t = 1/4; the last two do not.
  const y0 = at([[1], [4], [0.1], [-1]]);
  const blowUp = (_t: Tensor, y: Tensor): Tensor => scope(() => square(y));
  const interval = { t0: 0, t1: 2, rtol: 1e-8, atol: 1e-8 };

  it('lets a row that fails stand still, and the others go on as they would alone', async () => {
    const before = backend.liveBuffers();
    await expect(solveBatch(blowUp, y0, {}, interval)).rejects.toBeInstanceOf(StepSizeUnderflowError);
    expect(backend.liveBuffers()).toBe(before);
    const solution = await solveBatch(blowUp, y0, {}, { ...interval, onFailure: 'return', saveAt: [0.1, 0.5, 1.5] });
    expect(solution.status).toBe('failed');
    expect(solution.failures.map((failure) => failure?.constructor)).toEqual([
      StepSizeUnderflowError,
      StepSizeUnderflowError,
      undefined,
      undefined,
    ]);
    expect(largestDifference(solution.t1, [1, 0.25, 2, 2])).toBeLessThan(1e-4);
    const y1 = read(solution.y1);
    const alone = await solveBatch(blowUp, at([[0.1], [-1]]), {}, interval);
    expect(y1.slice(2)).toEqual(read(alone.y1));
    solution.failures.slice(0, 2).forEach((failure, i) => {
      const { report } = failure as StepSizeUnderflowError;
      expect([report.time, report.state[0]![0]]).toEqual([solution.t1[i], y1[i]]);
    });
    // States that a row did not reach are its last one.
    const [early, middle, late] = solution.ys.map(read);
    expect(largestDifference(early!, [1 / 0.9, 4 / 0.6, 0.1 / 0.99, -1 / 1.1])).toBeLessThan(1e-6);
    expect([middle![1], late![0], late![1]]).toEqual([y1[1], y1[0], y1[1]]);
    expect(Math.abs(middle![0]! - 2)).toBeLessThan(1e-5);
    // The gradient of the rows that arrived: dy1/dy0 = 1 / (1 - 2 y0)².
    const { y0: gradient } = await solution.pullback(at([[0], [0], [1], [1]]));
    expect(largestDifference(read(gradient), [0, 0, 1 / 0.64, 1 / 9])).toBeLessThan(1e-6);
  });

  it('returns rows that fail at their start, or take too many steps', async () => {
    const start = at([[1], [NaN], [1]]);
    const f = (t: Tensor, y: Tensor): Tensor => scope(() => mul(y, reshape(mul(t, -1), [3, 1])));
    const all = await solveBatch(f, start, {}, { t0: 0, t1: [1, 1, 100], onFailure: 'return', maxSteps: 60 });
    expect(all.failures[0]).toBeUndefined();
    expect(all.failures[1]).toBeInstanceOf(NonFiniteStateError);
    expect(all.failures[2]).toBeInstanceOf(MaxStepsError);
    expect(Math.abs(read(all.y1)[0]! - Math.exp(-0.5))).toBeLessThan(1e-6);
    const none = await solveBatch((_t, y: Tensor) => mul(y, NaN), start, {}, { t0: 0, t1: 1, onFailure: 'return' });
    expect(none.failures[0]).toBeInstanceOf(NonFiniteDerivativeError);
    expect([none.t1, read(none.y1)]).toEqual([[0, 0, 0], [1, NaN, 1]]); // prettier-ignore
  });

  it('has NaN for the gradient of a row without a derivative at its start, and of the parameters, but not of its neighbours', async () => {
    // y' = a √y: the square root of y moves by a / 2, hence dy1/dy0 = 1 + a / (2 √y0) at t = 1.
    const field = (_t: Tensor, y: Tensor, { a }: { a: Tensor }): Tensor => scope(() => mul(a, sqrt(y)));
    const [start, a] = [[1, -1, 4], -0.5];
    const options = { t0: 0, t1: 1, onFailure: 'return' } as const;
    const all = await solveBatch(field, at(start.map((x) => [x])), { a: at(a) }, options);
    expect(all.failures[1]).toBeInstanceOf(NonFiniteDerivativeError);
    for (const ofRow of [0, 1]) {
      const { y0: byY0, params } = await all.pullback(at([[1], [ofRow], [1]]));
      const [first, failed, last] = read(byY0);
      // rtol is 1e-7, the gradient about 1.
      expect(largestDifference([first!, last!], [1 + a / 2, 1 + a / 4])).toBeLessThan(1e-6);
      expect([failed, read(params.a)[0]]).toEqual([NaN, NaN]);
    }
    const rest = await solveBatch(field, at([[1], [4]]), { a: at(a) }, options);
    // dy1/da = √y0 + a / 2.
    const { params } = await rest.pullback(at([[1], [1]]));
    expect(Math.abs(read(params.a)[0]! - (1 + 2 + a))).toBeLessThan(1e-6);
  });

  it('tells onStep of every attempted step of every row, and ends with what it throws', async () => {
    const start = at([[1], [2]]);
    const before = backend.liveBuffers();
    const told: (StepInfo & { row: number })[] = [];
    const decay = (_t: Tensor, y: Tensor): Tensor => scope(() => neg(y));
    const options = { t0: 0, t1: [1, 3], firstStep: 2, rtol: 1e-8, atol: 1e-8 };
    const { stats, dispose } = await solveBatch(decay, start, {}, { ...options, onStep: (info) => told.push(info) });
    stats.forEach(({ accepted, rejected, nfe }, row) => {
      const own = told.filter((info) => info.row === row);
      expect([own.filter((info) => info.accepted).length, own.length]).toEqual([accepted, accepted + rejected]);
      expect(own.at(-1)!.nfe).toBe(nfe);
      expect(rejected).toBeGreaterThan(0);
      for (const { accepted: good, errorRatio } of own) expect(errorRatio! <= 1).toBe(good);
    });
    dispose();
    const onStep = (): void => {
      throw new Error('enough');
    };
    await expect(solveBatch(decay, start, {}, { ...options, onStep })).rejects.toThrow('enough');
    expect(backend.liveBuffers()).toBe(before);
  });
});

it('the gradient of a reversible solve that failed is that of the steps it took', async () => {
  const y0 = at([1]);
  const f: Field = (t, y) => scope(() => mul(y, t > 0.55 ? NaN : -1));
  const failed = await solveReversible(f, y0, {}, { t0: 0, t1: 1, steps: 10, onFailure: 'return' });
  expect([failed.t1, failed.stats.accepted]).toEqual([0.5, 5]);
  const whole = await solveReversible(f, y0, {}, { t0: 0, t1: 0.5, steps: 5 });
  expect(read(failed.y1)).toEqual(read(whole.y1));
  const [a, b] = [await failed.pullback(y0), await whole.pullback(y0)];
  expect([read(a.y0), a.t0, a.t1]).toEqual([read(b.y0), b.t0, b.t1]);
});
