import { describe, expect, it } from 'vitest';
import { concat, mul, neg, ones, scope, slice, square, sub, type Tensor } from '@sparseflow/tensor';
import { at, backend, largestDifference, read } from '../test/problems.ts';
import { solve, solveAdams, solveBatch, solveStiff, type Tolerances } from './index.ts';

interface State {
  readonly slow: Tensor;
  readonly fast: Tensor;
  readonly [key: string]: Tensor;
}
interface Given {
  readonly rtol: Tolerances;
  readonly atol: Tolerances;
}

// y' = -y beside x' = v, v' = -900 x: only the oscillation needs short steps.
const y0: State = { slow: at([[1, 2]]), fast: at([[1, 0]]) };
const field = (_t: unknown, { slow, fast }: State): State =>
  scope(() => {
    const [x, v] = [slice(fast, [0, 0], [1, 1]), slice(fast, [0, 1], [1, 1])];
    return { slow: neg(slow), fast: concat([v, mul(x, -900)], 1) };
  });
const interval = { t0: 0, t1: 1 };

/** Every way to solve that takes tolerances by component: the state at the end, and how many steps it took. */
const ways: [string, (given: Given) => Promise<{ y1: State; accepted: number; dispose(): void }>][] = [
  ['solve', async (given) => withSteps(await solve(field, y0, {}, { ...interval, ...given }))],
  ['solveStiff', async (given) => withSteps(await solveStiff(field, y0, {}, { ...interval, ...given }))],
  ['solveAdams', async (given) => withSteps(await solveAdams(field, y0, {}, { ...interval, ...given }))],
  [
    'solveBatch',
    async (given) => {
      const { y1, stats, dispose } = await solveBatch(field, y0, {}, { ...interval, ...given });
      return { y1, accepted: stats[0]!.accepted, dispose };
    },
  ],
];

function withSteps<T extends { readonly y1: State; readonly stats: { readonly accepted: number }; dispose(): void }>({
  y1,
  stats: { accepted },
  dispose,
}: T) {
  return { y1, accepted, dispose };
}

describe.each(ways)('tolerances by component: %s', (_name, run) => {
  it('are those of one number where they are all the same', async () => {
    const before = backend.liveBuffers();
    const one = await run({ rtol: 1e-5, atol: 1e-7 });
    const every = await run({ rtol: { slow: 1e-5, fast: 1e-5 }, atol: { slow: 1e-7, fast: 1e-7 } });
    expect(every.accepted).toBe(one.accepted);
    // Sums in another order; errors of 1e-16 grow with the oscillation's 5 turns.
    for (const part of ['slow', 'fast'] as const)
      expect(largestDifference(read(every.y1[part]), read(one.y1[part]))).toBeLessThan(1e-10);
    const tensors = { slow: ones([], { backend }), fast: ones([2], { backend }) };
    const made = { slow: mul(tensors.slow, 1e-7), fast: mul(tensors.fast, 1e-7) };
    const broadcast = await run({ rtol: 1e-5, atol: made });
    expect(broadcast.accepted).toBe(one.accepted);
    for (const { dispose } of [one, every, broadcast]) dispose();
    for (const x of [...Object.values(tensors), ...Object.values(made)]) x.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  it('leave alone what nobody wants to know, and keep the rest accurate', async () => {
    const all = await run({ rtol: 1e-6, atol: 1e-6 });
    const some = await run({ rtol: 1e-6, atol: { slow: 1e-6, fast: 1e6 } });
    expect(some.accepted).toBeLessThan(all.accepted / 2);
    const exact = [Math.exp(-1), 2 * Math.exp(-1)];
    expect(largestDifference(read(some.y1.slow), exact)).toBeLessThan(1e-5);
    const parts = await run({ rtol: 1e-6, atol: { slow: at([[1e-6, 1e-6]]), fast: at([1e6, 1e6]) } });
    expect(parts.accepted).toBe(some.accepted);
  });

  it('must fit the state', async () => {
    const before = backend.liveBuffers();
    for (const wrong of [{ slow: 1e-6 }, { slow: 1e-6, fast: 0 }, { slow: 1e-6, fast: NaN }, [1e-6, 1e-6, 1e-6]])
      await expect(run({ rtol: 1e-6, atol: wrong })).rejects.toThrow(/atol does not fit the state \(y\.slow,y\.fast\)/);
    await expect(run({ rtol: 0, atol: 0 })).rejects.toThrow(/atol is 0/);
    await expect(run({ rtol: 0, atol: { slow: 1e-6, fast: 0 } })).rejects.toThrow(/atol does not fit/);
    const wide = { slow: at([[1, 1, 1]]), fast: 1e-6 };
    await expect(run({ rtol: 1e-6, atol: wide })).rejects.toThrow(/\[1,3\]|\[1, 3\]/);
    wide.slow.dispose();
    expect(backend.liveBuffers()).toBe(before);
  });
});

it('a relative tolerance of 0 leaves the absolute one', async () => {
  // The oscillation sets the steps, for which errors of the slow part are far below the tolerance.
  for (const [, run] of ways) {
    const { y1 } = await run({ rtol: 0, atol: 1e-8 });
    expect(largestDifference(read(y1.slow), [Math.exp(-1), 2 * Math.exp(-1)])).toBeLessThan(1e-6);
  }
});

it('a row of a batch is solved as alone, each with tolerances of its own', async () => {
  const states = [[1, 2], [3, -1]]; // prettier-ignore
  const atol = [[1e-4, 1e-8], [1e-9, 1e-3]]; // prettier-ignore
  const f = (_t: unknown, y: Tensor): Tensor => scope(() => sub(square(y), mul(y, 4)));
  const both = await solveBatch(f, at(states), {}, { ...interval, rtol: 1e-9, atol: at(atol) });
  for (const i of [0, 1]) {
    const alone = await solve(f, at(states[i]!), {}, { ...interval, rtol: 1e-9, atol: at(atol[i]!) });
    expect(both.stats[i]!.accepted).toBe(alone.stats.accepted);
    expect(largestDifference(read(alone.y1), read(both.y1).slice(2 * i, 2 * i + 2))).toBeLessThan(1e-12);
  }
});

it("Robertson's kinetics to t = 1e11: each component to its own size", async () => {
  const f = (_t: number, y: Tensor): Tensor =>
    scope(() => {
      const [a, b, c] = [0, 1, 2].map((i) => slice(y, [i], [1])) as [Tensor, Tensor, Tensor];
      const [slow, fast, square2] = [mul(a, 0.04), mul(mul(b, c), 1e4), mul(square(b), 3e7)];
      return concat([sub(fast, slow), sub(sub(slow, fast), square2), square2], 0);
    });
  // Mazzia & Magherini, Test set for initial value problem solvers, ROBER.
  const reference = [0.2083340149701255e-7, 0.8333360770334713e-13, 0.999999979166505];
  const errors = async (atol: Tolerances): Promise<number> => {
    const { y1 } = await solveStiff(f, at([1, 0, 0]), {}, { t0: 0, t1: 1e11, rtol: 1e-5, atol });
    return Math.max(...read(y1).map((v, i) => Math.abs(v / reference[i]! - 1)));
  };
  // Some hundred steps, of errors of 1e-5 that the stiffness damps.
  expect(await errors(at([1e-12, 1e-18, 1e-6]))).toBeLessThan(1e-4);
  // One number that fits the third component is far above the other two.
  expect(await errors(1e-6)).toBeGreaterThan(1e-2);
});
