import { describe, expect, it } from 'vitest';
import { add, matMul, mul, neg, scope, square, tanh, type Tensor } from '@sparseflow/tensor';
import { at, backend, breakableField, largestDifference, read } from '../../test/problems.ts';
import { alf, NonFiniteStateError, reversibleHeun, solve, solveReversible, solveVjp } from '../index.ts';

interface Weights {
  readonly w: Tensor;
  readonly b: Tensor;
  readonly unused: Tensor;
  readonly [key: string]: Tensor;
}
const field = (t: number, y: Tensor, { w, b }: Weights): Tensor =>
  scope(() => tanh(add(matMul(y, w), mul(b, Math.cos(t)))));
const weights = (): Weights => ({ w: at([[0.9, -1.1], [0.7, 0.5]]), b: at([0.2, -0.3]), unused: at([1, 2]) }); // prettier-ignore
const start = (): Tensor => at([[0.3, -0.5], [1.2, 0.4], [-0.8, 0.1]]); // prettier-ignore

describe.each([reversibleHeun, alf])('$name', (method) => {
  it('has order 2, forwards and backwards', async () => {
    const [y0, params] = [start(), weights()];
    for (const [t0, t1] of [
      [0, 2],
      [2, 0],
    ] as const) {
      // prettier-ignore
      const exact = await solve(field, y0, params, { t0, t1, rtol: 1e-11, atol: 1e-11 });
      const errors = await Promise.all(
        [40, 80, 160].map(async (steps) => {
          const { y1 } = await solveReversible(field, y0, params, { t0, t1, steps, method });
          return largestDifference(read(y1), read(exact.y1));
        }),
      );
      expect(Math.abs(Math.log2(errors[1]! / errors[2]!) - 2)).toBeLessThan(0.2);
    }
  });

  it('undoes its steps', () => {
    const f = (_t: number, y: readonly Tensor[]): Tensor[] => y.map((leaf) => neg(square(leaf)));
    const place = { t: 0, dt: 0.1, end: 0.1 };
    const pair = { y: [at([1, 2])], z: [at([1.1, 1.9])] };
    const back = method.back(f, place, method.step(f, place, pair));
    expect(largestDifference(read(back.y[0]!), [1, 2])).toBeLessThan(1e-14);
    expect(largestDifference(read(back.z[0]!), [1.1, 1.9])).toBeLessThan(1e-14);
  });

  it('has the exact gradient of its steps, whatever their number, and leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const [y0, params, ct] = [start(), weights(), at([[1, -0.5], [0.25, 2], [-1, 0.5]])]; // prettier-ignore
    const options = { t0: 0, t1: 1.5, steps: 12, method };
    const run = await solveReversible(field, y0, params, options);
    const g = await run.pullback(ct);
    const again = await run.pullback(ct);
    expect(read(again.y0)).toEqual(read(g.y0));
    const loss = async (y: Tensor, p: Weights): Promise<number> => {
      const { y1 } = await solveReversible(field, y, p, options);
      return read(y1).reduce((s, v, i) => s + v * read(ct)[i]!, 0);
    };
    const h = 1e-5;
    const nudged = (values: number[], i: number, by: number): number[] => values.map((v, j) => (j === i ? v + by : v));
    const pairs = (flat: number[]): number[][] => flat.flatMap((v, i) => (i % 2 === 0 ? [[v, flat[i + 1]!]] : []));
    for (const i of [0, 3]) {
      const at0 = async (by: number): Promise<number> => loss(at(pairs(nudged(read(y0), i, by))), params);
      expect(Math.abs(read(g.y0)[i]! - ((await at0(h)) - (await at0(-h))) / (2 * h))).toBeLessThan(1e-8);
      const atW = async (by: number): Promise<number> =>
        loss(y0, { ...params, w: at(pairs(nudged(read(params.w), i, by))) });
      expect(Math.abs(read(g.params.w)[i]! - ((await atW(h)) - (await atW(-h))) / (2 * h))).toBeLessThan(1e-8);
    }
    expect(read(g.params.unused)).toEqual([0, 0]);
    run.dispose();
    const fresh = await solveReversible(field, y0, params, options);
    const kept = backend.liveBuffers();
    const third = await fresh.pullback(ct);
    expect(backend.liveBuffers()).toBe(kept + 1 + Object.keys(params).length);
    for (const x of [third.y0, ...Object.values(third.params)]) x.dispose();
    fresh.dispose();
    expect(backend.liveBuffers()).toBeGreaterThan(before);
  });

  it('agrees with the other adjoints at short steps', async () => {
    const [y0, params, ct] = [start(), weights(), start()];
    const fine = await solveVjp(field, y0, params, { t0: 0, t1: 1, rtol: 1e-9, atol: 1e-9 });
    const [a, b] = [
      await fine.pullback(ct),
      await (await solveReversible(field, y0, params, { t0: 0, t1: 1, steps: 800, method })).pullback(ct),
    ];
    expect(largestDifference(read(a.y0), read(b.y0))).toBeLessThan(1e-5);
    expect(largestDifference(read(a.params.w), read(b.params.w))).toBeLessThan(1e-5);
    expect(largestDifference([a.t0, a.t1], [b.t0, b.t1])).toBeLessThan(1e-5);
  });

  it('frees everything when the field throws, there or on the way back', async () => {
    const y0 = at([1, 2]);
    const before = backend.liveBuffers();
    const { field: f, allow } = breakableField();
    const options = { t0: 0, t1: 1, steps: 5, method };
    for (const calls of [0, 1, 4]) {
      allow(calls);
      await expect(solveReversible(f, y0, {}, options)).rejects.toThrow('field failed');
      expect(backend.liveBuffers()).toBe(before);
    }
    allow(Infinity);
    const run = await solveReversible(f, y0, {}, options);
    const kept = backend.liveBuffers();
    for (const calls of [0, 3, 8]) {
      allow(calls);
      await expect(run.pullback(y0)).rejects.toThrow('field failed');
      expect(backend.liveBuffers()).toBe(kept);
    }
    run.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('says what is wrong', async () => {
    const f = (_t: number, y: Tensor): Tensor => square(y);
    const error: unknown = await solveReversible(f, at([50]), {}, { t0: 0, t1: 10, steps: 50, method }).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(NonFiniteStateError);
    await expect(solveReversible(f, at([1]), {}, { t0: 0, t1: 1, steps: 0, method })).rejects.toThrow(/steps is 0/);
  });
});
