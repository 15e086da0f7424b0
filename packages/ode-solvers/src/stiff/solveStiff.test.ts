import { describe, expect, it } from 'vitest';
import {
  affine,
  concat,
  jvp,
  mul,
  neg,
  scope,
  ShapeError,
  sin,
  slice,
  square,
  sub,
  tensor,
  ValueError,
  type Tensor,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at, backend, largestDifference, read } from '../../test/problems.ts';
import {
  kvaerno4,
  MaxStepsError,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  solve,
  solveStiff,
  solveVjp,
} from '../index.ts';
import { factorize, solveFactorized } from './lu.ts';

const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);

describe('kvaerno4', () => {
  const { a, c, error, gamma } = kvaerno4;
  const b = a[4]!;
  const full = a.map((row) => [...row, ...Array<number>(5 - row.length).fill(0)]);

  it('has a consistent tableau of orders 4 and 3', () => {
    full.forEach((row, i) => expect(sum(row)).toBeCloseTo(c[i]!, 12));
    a.slice(1).forEach((row) => expect(row[row.length - 1]).toBe(gamma));
    const dot = (w: readonly number[], x: readonly number[]): number => sum(w.map((v, i) => v * x[i]!));
    const apply = (x: readonly number[]): number[] => full.map((row) => dot(row, x));
    const power = (n: number): number[] => c.map((x) => x ** n);
    const conditions = (w: readonly number[]): number[] => [
      dot(w, power(0)) - 1,
      dot(w, c) - 1 / 2,
      dot(w, power(2)) - 1 / 3,
      dot(w, apply(c)) - 1 / 6,
      dot(w, power(3)) - 1 / 4,
      dot(w, apply(c).map((x, i) => x * c[i]!)) - 1 / 8, // prettier-ignore
      dot(w, apply(power(2))) - 1 / 12,
      dot(w, apply(apply(c))) - 1 / 24,
    ];
    // γ is published to ten digits.
    conditions(b).forEach((misfit) => expect(Math.abs(misfit)).toBeLessThan(1e-9));
    const companion = conditions(b.map((w, i) => w - error[i]!));
    companion.slice(0, 4).forEach((misfit) => expect(Math.abs(misfit)).toBeLessThan(1e-9));
    expect(Math.max(...companion.slice(4).map(Math.abs))).toBeGreaterThan(1e-3);
  });

  it('is L-stable: the stability function goes to 0, and its size is at most 1 on the imaginary axis', () => {
    // R(z) = the last stage of y' = z y, for real z.
    const r = (z: number): number => {
      const stages: number[] = [];
      full.forEach((row, i) => stages.push((1 + z * sum(stages.map((s, m) => row[m]! * s))) / (1 - z * row[i]!)));
      return stages[4]!;
    };
    expect(Math.abs(r(-1e8))).toBeLessThan(1e-6);
    for (const z of [-0.1, -1, -10, -100, -1e4]) expect(Math.abs(r(z))).toBeLessThan(1);
  });
});

describe('solveStiff', () => {
  const vanDerPol =
    (mu: number) =>
    (_t: number, y: Tensor): Tensor =>
      scope(() => {
        const [x, v] = [slice(y, [0], [1]), slice(y, [1], [1])];
        return concat([v, sub(mul(mul(affine(square(x), -1, 1), v), mu), x)], 0);
      });

  it('solves a problem that is not stiff as the explicit solver does', async () => {
    const options = { t0: 0, t1: 3, saveAt: [0, 1, 2.5], rtol: 1e-8, atol: 1e-8 };
    const exact = await solve(vanDerPol(1), at([2, 0]), {}, { ...options, rtol: 1e-11, atol: 1e-11 });
    const { y1, ys, stats } = await solveStiff(vanDerPol(1), at([2, 0]), {}, options);
    expect(largestDifference(read(y1), read(exact.y1))).toBeLessThan(1e-6);
    ys.forEach((y, i) => expect(largestDifference(read(y), read(exact.ys[i]!))).toBeLessThan(1e-5));
    expect(stats.factorizations).toBe(stats.accepted + stats.rejected);
  });

  it('has its declared order', async () => {
    // A rotation, by steps that no tolerance shortens; Newton's method is exact on a linear problem.
    const errors = [20, 40, 80].map(async (steps) => {
      const options = { t0: 0, t1: 4, rtol: 0.1, atol: 10, firstStep: 4 / steps, maxStep: 4 / steps };
      const f = (_t: number, y: Tensor): Tensor =>
        scope(() => concat([slice(y, [1], [1]), neg(slice(y, [0], [1]))], 0));
      const { y1, stats } = await solveStiff(f, at([1, 0]), {}, options);
      expect(stats.accepted).toBe(steps);
      return Math.hypot(read(y1)[0]! - Math.cos(4), read(y1)[1]! + Math.sin(4));
    });
    const [coarse, middle, fine] = (await Promise.all(errors)) as [number, number, number];
    expect(Math.abs(Math.log2(coarse / middle) - kvaerno4.order)).toBeLessThan(0.3);
    expect(Math.abs(Math.log2(middle / fine) - kvaerno4.order)).toBeLessThan(0.2);
  });

  it('solves Van der Pol’s equation at μ = 1000, where the explicit solver would need a million steps', async () => {
    const before = backend.liveBuffers();
    const y0 = at([2, 0]);
    const { y1, stats, dispose } = await solveStiff(
      vanDerPol(1000),
      y0,
      {},
      { t0: 0, t1: 2000, rtol: 1e-6, atol: 1e-8 },
    );
    // Hairer & Wanner, Solving ODEs II, IV.10: in the time s = t / μ the state at s = 2 is 1.70616773217.
    expect(Math.abs(read(y1)[0]! - 1.70616773217)).toBeLessThan(1e-3);
    expect(stats.accepted).toBeLessThan(1500);
    dispose();
    y0.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('solves Robertson’s kinetics and keeps the mass', async () => {
    const f = (_t: number, y: Tensor): Tensor =>
      scope(() => {
        const [a, b, c] = [0, 1, 2].map((i) => slice(y, [i], [1])) as [Tensor, Tensor, Tensor];
        const [slow, fast, square2] = [mul(a, 0.04), mul(mul(b, c), 1e4), mul(square(b), 3e7)];
        return concat([sub(fast, slow), sub(sub(slow, fast), square2), square2], 0);
      });
    const { y1 } = await solveStiff(f, at([1, 0, 0]), {}, { t0: 0, t1: 40, rtol: 1e-7, atol: 1e-11 });
    expect(largestDifference(read(y1), [0.7158270688, 9.185534764e-6, 0.2841637458])).toBeLessThan(1e-5);
    expect(Math.abs(sum(read(y1)) - 1)).toBeLessThan(1e-9);
  });

  it('goes backwards, and takes trees', async () => {
    const y0 = { a: at(1), b: at([1, 2]) };
    const { y1 } = await solveStiff((t, y) => ({ a: sin(mul(y.a, t)), b: neg(y.b) }), y0, {}, { t0: 1, t1: 0 });
    expect(largestDifference(read(y1.b), [Math.E, 2 * Math.E])).toBeLessThan(1e-5);
  });

  it('fails with the errors of the other solvers', async () => {
    await expect(solveStiff(vanDerPol(1), at([NaN, 1]), {}, { t0: 0, t1: 1 })).rejects.toBeInstanceOf(
      NonFiniteStateError,
    );
    const few = { t0: 0, t1: 100, maxSteps: 5 };
    await expect(solveStiff(vanDerPol(1), at([2, 0]), {}, few)).rejects.toBeInstanceOf(MaxStepsError);
    const { downloadSync: _, ...waiting } = createReferenceBackend();
    const there = tensor([2, 0], { backend: waiting });
    await expect(solveStiff(vanDerPol(1), there, {}, { t0: 0, t1: 1 })).rejects.toThrow(/computes at once/);
  });
});

describe('solveStiff, when it ends early', () => {
  const y0 = at([1, 2]);
  const decay = (_t: number, y: Tensor): Tensor => neg(y);
  /** Solves, and gives the error when all that was made is freed. */
  const errorOf = async (f: (t: number, y: Tensor) => Tensor, rest: object = {}): Promise<unknown> => {
    const before = backend.liveBuffers();
    const error: unknown = await solveStiff(f, y0, {}, { t0: 0, t1: 1, ...rest }).catch((e: unknown) => e);
    expect(backend.liveBuffers()).toBe(before);
    return error;
  };

  it('frees everything when the field throws, returns something else, or a signal aborts', async () => {
    for (const failing of [1, 2, 3, 8, 20]) {
      let calls = 0;
      const throwing = (t: number, y: Tensor): Tensor => {
        const value = decay(t, y);
        if (++calls === failing) throw new Error('field failed');
        return value;
      };
      expect(await errorOf(throwing)).toHaveProperty('message', 'field failed');
    }
    expect(await errorOf((_t, y) => slice(y, [0], [1]))).toBeInstanceOf(ShapeError);
    expect(await errorOf(decay, { signal: AbortSignal.abort(new Error('enough')) })).toHaveProperty(
      'message',
      'enough',
    );
    for (const wrong of [{ atol: 0 }, { rtol: -1 }, { saveAt: [1, 0.5] }, { t1: NaN }])
      expect(await errorOf(decay, wrong)).toBeInstanceOf(ValueError);
  });

  it('crosses intervals that are short for their time, and the shortest', async () => {
    for (const [t0, t1] of [
      [1e6, 1e6 + 1e-6],
      [0, Number.MIN_VALUE],
      [1, 1],
    ] as const) {
      const { y1, dispose } = await solveStiff(decay, y0, {}, { t0, t1 });
      expect(largestDifference(read(y1), [1, 2])).toBeLessThan(1e-5);
      dispose();
    }
  });

  it('says so where the field gives NaN from some time on', async () => {
    const error = await errorOf((t, y) => mul(y, t > 0.5 ? NaN : -1));
    expect(error).toBeInstanceOf(NonFiniteDerivativeError);
    const { time } = (error as NonFiniteDerivativeError).report;
    expect(Math.abs(time - 0.5)).toBeLessThan(1e-9);
  });
});

it('solves linear systems, and says where it cannot', () => {
  const a = Float64Array.of(0, 2, 1, 1, 1, 1, 2, 0, 3);
  const x = [1, -2, 3];
  const b = Float64Array.from([0, 1, 2], (r) => sum(x.map((v, c) => a[3 * r + c]! * v)));
  const lu = a.slice();
  solveFactorized(lu, factorize(lu, 3)!, b, 3);
  expect(largestDifference(b, x)).toBeLessThan(1e-14);
  expect(factorize(Float64Array.of(1, 2, 2, 4), 2)).toBeUndefined();
});

describe('the gradient of solveStiff', () => {
  // Van der Pol with a parameter; μ = 30 is stiff enough for thousandfold differences of rates.
  const y0 = { x: at([2]), v: at([0]) };
  const params = { mu: at([30]), unused: at([1, 2]) };
  type State = typeof y0;
  const field = (_t: number, { x, v }: State, { mu }: typeof params): State =>
    scope(() => ({ x: affine(v, 1), v: sub(mul(mul(affine(square(x), -1, 1), v), mu), x) }));
  const options = { t0: 0, t1: 3, rtol: 1e-8, atol: 1e-8 };
  const ct: State = { x: at([1]), v: at([-2]) };

  it('is that of the explicit solve, to 1e-5', async () => {
    const { pullback, stats, replay, y1 } = await solveStiff(field, y0, params, options);
    // One more Newton step a stage moves the result by no more than where the iteration ended, a thousandth of the tolerance.
    expect(largestDifference(read(replay(y0, params).v), read(y1.v))).toBeLessThan(1e-8);
    stats.nfeBackward = 0;
    const gradient = await pullback(ct);
    const explicit = await solveVjp(field, y0, params, { ...options, rtol: 1e-10, atol: 1e-10 });
    const other = await explicit.pullback(ct);
    const parts = (g: { y0: State; params: typeof params }): number[] => [g.y0.x, g.y0.v, g.params.mu].flatMap(read);
    const scale = Math.max(...parts(other).map(Math.abs));
    expect(largestDifference(parts(gradient), parts(other))).toBeLessThan(1e-5 * scale);
    expect(read(gradient.params.unused)).toEqual([0, 0]);
    // The stages, and the field at both ends for the gradients in the times.
    expect(stats.nfeBackward).toBe(4 * stats.accepted + 1 + 2);
  });

  it('is the same by forward mode, also where the steps are too long to be accurate', async () => {
    const fixed = { t0: 0, t1: 0.5, rtol: 1, atol: 1, maxStep: 0.05, firstStep: 0.05 };
    const { pullback, replay, stats } = await solveStiff(field, y0, params, fixed);
    expect(stats.accepted).toBe(10);
    const gradient = await pullback(ct);
    const { tangent } = jvp((x: { v: Tensor }) => replay({ ...y0, v: x.v }, params), { v: y0.v }, { v: at([1]) });
    const forward = read(tangent.x)[0]! - 2 * read(tangent.v)[0]!;
    expect(Math.abs(forward - read(gradient.y0.v)[0]!)).toBeLessThan(1e-10 * (1 + Math.abs(forward)));
  });

  it('leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const solution = await solveStiff(field, y0, params, options);
    const gradient = await solution.pullback(ct);
    for (const x of [gradient.y0.x, gradient.y0.v, gradient.params.mu, gradient.params.unused]) x.dispose();
    solution.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});
