import { describe, expect, it } from 'vitest';
import { mul, neg, scope, square, type Tensor } from '@sparseflow/tensor';
import { at, backend, largestDifference, read } from '../../test/problems.ts';
import { adamsWeights } from './weights.ts';
import { NonFiniteStateError, solveAdams } from '../index.ts';

/** Equal steps. */
const nodes = (order: number, kind: 'explicit' | 'implicit'): number[] =>
  Array.from({ length: order }, (_, i) => (kind === 'explicit' ? 0 : 1) - i);

describe('adamsWeights', () => {
  it('has the published weights', () => {
    const scaled = (order: number, kind: 'explicit' | 'implicit', by: number): number[] =>
      adamsWeights(nodes(order, kind)).map((w) => Math.round(w * by * 1e6) / 1e6);
    // Hairer, Nørsett & Wanner, Solving ODEs I, III.1 (1.5) and (1.9).
    expect(scaled(1, 'explicit', 1)).toEqual([1]);
    expect(scaled(2, 'explicit', 2)).toEqual([3, -1]);
    expect(scaled(4, 'explicit', 24)).toEqual([55, -59, 37, -9]);
    expect(scaled(6, 'explicit', 1440)).toEqual([4277, -7923, 9982, -7298, 2877, -475]);
    expect(scaled(2, 'implicit', 2)).toEqual([1, 1]);
    expect(scaled(4, 'implicit', 24)).toEqual([9, 19, -5, 1]);
    expect(scaled(5, 'implicit', 720)).toEqual([251, 646, -264, 106, -19]);
  });

  it.each(['explicit', 'implicit'] as const)('integrates polynomials exactly: %s', (kind) => {
    for (let order = 1; order <= 12; order++) {
      const weights = adamsWeights(nodes(order, kind));
      for (let power = 0; power < order; power++) {
        const sum = weights.reduce((s, w, i) => s + w * (kind === 'explicit' ? -i : 1 - i) ** power, 0);
        // The weights grow to about 1e3, the powers to 11^11: rounding of that size.
        expect(Math.abs(sum - 1 / (power + 1))).toBeLessThan(1e-14 * 1e3 * Math.max(1, order - 1) ** power + 1e-12);
      }
    }
  });
});

describe.each(['explicit', 'implicit'] as const)('solveAdams, %s', (method) => {
  const f = (t: number, y: Tensor): Tensor => mul(y, Math.cos(t));
  const error = async (steps: number, maxOrder: number): Promise<number> => {
    const options = { t0: 0, t1: 4, steps, method, maxOrder, rtol: 1e-12, atol: 1e-13, iterations: 30 };
    const { y1 } = await solveAdams(f, at([1]), {}, options);
    return Math.abs(read(y1)[0]! - Math.exp(Math.sin(4)));
  };

  it('has the order that maxOrder asks for', async () => {
    // The explicit method of maxOrder 5 uses four derivatives: order 4; the corrector adds one.
    const order = method === 'explicit' ? 4 : 5;
    const [coarse, fine] = [await error(240, 5), await error(480, 5)];
    expect(Math.abs(Math.log2(coarse / fine) - order)).toBeLessThan(0.2);
  });

  it('evaluates once a step, and again for each correction', async () => {
    const options = { t0: 0, t1: 1, steps: 50, method };
    const { stats } = await solveAdams((_t, y: Tensor) => neg(y), at([1]), {}, options);
    const starters = 2 * 4 + 48; // two steps of rk4
    expect(stats.nfe).toBe(method === 'explicit' ? starters : starters + 48);
    expect(stats).toMatchObject({ accepted: 50, unconverged: 0 });
  });

  it('goes backwards, takes trees, leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const y0 = { a: at([1, 2]), b: at(3) };
    const g = (_t: number, y: typeof y0) => scope(() => ({ a: neg(y.a), b: mul(y.b, 2) }));
    const { y1, dispose } = await solveAdams(
      g,
      y0,
      {},
      { t0: 1, t1: 0, steps: 60, method, maxOrder: 6, rtol: 1e-9, atol: 1e-9 },
    );
    expect(largestDifference(read(y1.a), [Math.E, 2 * Math.E])).toBeLessThan(1e-6);
    expect(largestDifference(read(y1.b), [3 * Math.exp(-2)])).toBeLessThan(1e-6);
    dispose();
    y0.a.dispose();
    y0.b.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('says what is wrong, and frees what it made', async () => {
    const y0 = at([50]);
    const before = backend.liveBuffers();
    const blowUp = solveAdams((_t, y: Tensor) => square(y), y0, {}, { t0: 0, t1: 10, steps: 50, method });
    await expect(blowUp).rejects.toBeInstanceOf(NonFiniteStateError);
    expect(backend.liveBuffers()).toBe(before);
    for (const wrong of [{ steps: 0 }, { maxOrder: 13 }, { maxOrder: 3 }, { t1: NaN }]) {
      await expect(solveAdams(f, y0, {}, { t0: 0, t1: 1, steps: 5, method, ...wrong })).rejects.toThrow(/solveAdams/);
    }
  });
});
