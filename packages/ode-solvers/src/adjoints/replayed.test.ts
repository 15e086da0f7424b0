import { describe, expect, it } from 'vitest';
import { add, mul, reshape, scope, sin, slice, sub, tensor, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at, backend, largestDifference } from '../../test/problems.ts';
import { solveAdams, solveBatch, solveStiff, solveVjp } from '../index.ts';

// y' = rate sin(y) cos 2t + ½, beside its own integral; rows have times and rates of their own.
interface State {
  readonly y: Tensor;
  readonly area: Tensor;
  readonly [key: string]: Tensor;
}
const field = (t: number, { y }: State, { rate }: { rate: Tensor }): State =>
  scope(() => ({
    y: add(mul(mul(sin(y), rate), Math.cos(2 * t)), 0.5),
    area: reshape(slice(y, [0, 0], [-1, 1]), [1]),
  }));
const start = (): State => ({ y: at([[0.3, -0.8]]), area: at([0.1]) });
const cotangent = (): State => ({ y: at([[1, -0.5]]), area: at([2]) });
const params = { rate: at(1.3) };
const tight = { rtol: 1e-10, atol: 1e-10 };

/** By dopri5, whose gradients in the times are compared with differences of whole solves. */
async function exactly(t0: number, t1: number, state = start(), rate = params): Promise<number[]> {
  const run = await solveVjp(field, state, rate, { t0, t1, ...tight, stepTo: [t1] });
  const g = await run.pullback(cotangent());
  return [g.t0, g.t1];
}

describe('gradients in the times of steps that are taken again', () => {
  const ways = {
    solveStiff: async (t0: number, t1: number) =>
      solveStiff(field, start(), params, { t0, t1, rtol: 1e-8, atol: 1e-8 }),
    'adaptive solveAdams': async (t0: number, t1: number) => solveAdams(field, start(), params, { t0, t1, ...tight }),
    'explicit solveAdams': async (t0: number, t1: number) =>
      solveAdams(field, start(), params, { t0, t1, steps: 400, method: 'explicit' }),
    'implicit solveAdams': async (t0: number, t1: number) =>
      solveAdams(field, start(), params, { t0, t1, steps: 400, ...tight }),
  };

  it.each(Object.entries(ways))('%s: those of the problem, forwards and backwards', async (_name, run) => {
    for (const [t0, t1] of [
      [0, 1.5],
      [1.2, -0.4],
    ] as const) {
      // prettier-ignore
      const { pullback, dispose } = await run(t0, t1);
      // The gradient needs nothing of the solution.
      dispose();
      const g = await pullback(cotangent());
      // Tolerances of 1e-10 and 1e-8 over some hundred steps, or (1.6 / 400)⁴ = 3e-10 times derivatives of some hundred.
      expect(largestDifference([g.t0, g.t1], await exactly(t0, t1))).toBeLessThan(1e-6);
    }
  });

  it.each(Object.entries(ways))('%s: opposite where no time passes', async (_name, run) => {
    const { pullback } = await run(1, 1);
    const g = await pullback(cotangent());
    expect(g.t1).not.toBe(0);
    expect(g.t0 + g.t1).toBe(0);
  });

  it('solveBatch: by row, on backends that cannot be read at once, too', async () => {
    const { downloadSync: _, ...waiting } = createReferenceBackend();
    const [t0, t1] = [[0, 1.2, 1], [1.5, -0.4, 1]]; // prettier-ignore
    const rates = [1.3, 0.4, 2];
    for (const on of [backend, waiting]) {
      const before = on.liveBuffers();
      const rows = (values: number[][]): Tensor => tensor(values, { backend: on });
      const many = {
        y: rows([[0.3, -0.8], [1, 2], [0.5, 0.1]]), // prettier-ignore
        area: tensor([0.1, 0, 0.2], { backend: on }),
      };
      const all = { rate: rows(rates.map((r) => [r])) };
      const f = (t: Tensor, { y }: State, { rate }: typeof all): State =>
        scope(() => {
          // cos 2t = sin(2t + π/2)
          const pace = reshape(sin(add(mul(t, 2), Math.PI / 2)), [3, 1]);
          return { y: add(mul(mul(sin(y), rate), pace), 0.5), area: reshape(slice(y, [0, 0], [-1, 1]), [3]) };
        });
      const ct = { y: rows([[1, -0.5], [1, -0.5], [1, -0.5]]), area: tensor([2, 2, 2], { backend: on }) }; // prettier-ignore
      const { pullback, dispose } = await solveBatch(f, many, all, { t0, t1, ...tight });
      dispose();
      const kept = on.liveBuffers();
      const g = await pullback(ct);
      expect(on.liveBuffers()).toBe(kept + 3);
      if (on === backend) {
        for (const i of [0, 1, 2]) {
          const alone = { y: slice(many.y, [i, 0], [1, -1]), area: slice(many.area, [i], [1]) };
          const exact = await exactly(t0[i]!, t1[i]!, alone, { rate: at(rates[i]!) });
          expect(largestDifference([g.t0[i]!, g.t1[i]!], exact)).toBeLessThan(1e-6);
        }
      } else {
        for (const x of [many, all, ct, g.y0, g.params].flatMap((tree) => Object.values(tree as State))) x.dispose();
        expect(on.liveBuffers()).toBe(before);
      }
    }
  });

  it('free what was made when the field throws there', async () => {
    const y0 = at([1]);
    const before = backend.liveBuffers();
    let left = Infinity;
    const f = (_t: number, y: Tensor): Tensor => {
      if (--left < 0) throw new Error('field failed');
      return sub(0, y);
    };
    for (const run of [solveStiff, solveAdams]) {
      left = Infinity;
      const { pullback, stats, dispose } = await run(f, y0, {}, { t0: 0, t1: 1 });
      await pullback(y0).then(({ y0: byY0 }) => byY0.dispose());
      const all = stats.nfeBackward;
      // The last two evaluations are those at the ends.
      for (const calls of [0, 3, all - 2, all - 1]) {
        left = calls;
        await expect(pullback(y0)).rejects.toThrow('field failed');
      }
      dispose();
      expect(backend.liveBuffers()).toBe(before);
    }
  });
});
