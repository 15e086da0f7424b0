import { describe, expect, it } from 'vitest';
import {
  add,
  gather,
  mapTree,
  matMul,
  mul,
  scope,
  ShapeError,
  sin,
  sum,
  tanh,
  tensor,
  vjp,
  zerosLike,
  type Backend,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { at, backend, largestDifference, read } from '../../test/problems.ts';
import {
  alf,
  backsolve,
  checkpoint,
  direct,
  checkAdjoint,
  dopri5,
  interpolated,
  replay,
  solve,
  solvers,
  solveVjp,
  type Adjoint,
  type Solver,
  type SolveOptions,
  type StepInfo,
} from '../index.ts';

interface State {
  readonly x: Tensor;
  readonly energy: Tensor;
  readonly [key: string]: Tensor;
}
type Weights = Readonly<Record<'w' | 'b' | 'scale' | 'unused', Tensor>>;

/** A small network with an integral of its output, nonlinear and dependent on time. */
const field = (t: number, { x }: State, { w, b, scale }: Weights): State => {
  const h = tanh(add(matMul(x, w), mul(b, Math.cos(2 * t))));
  return { x: mul(h, scale), energy: sum(sin(h), 1) };
};

const start = (on: Backend = backend): State => ({
  x: tensor([0.3, -0.5, 1.2, 0.4, -0.8, 0.1], { backend: on, shape: [3, 2] }),
  energy: tensor([0, 0.1, 0], { backend: on }),
});
const weights = (on: Backend = backend): Weights => ({
  w: tensor([0.9, -1.1, 0.7, 0.5], { backend: on, shape: [2, 2] }),
  b: tensor([0.2, -0.3], { backend: on }),
  scale: tensor(1.3, { backend: on }),
  unused: tensor([[1, 2]], { backend: on }),
});
const cotangent = (on: Backend = backend, seed = 1): State => ({
  x: tensor(
    [1, -0.5, 0.25, 2, -1, 0.5].map((v) => v * Math.cos(seed)),
    { backend: on, shape: [3, 2] },
  ),
  energy: tensor(
    [0.5, -1, 1.5].map((v) => v * Math.sin(seed)),
    { backend: on },
  ),
});

const each = Object.values(solvers as Readonly<Record<string, Solver>>);
const adjoints: readonly Adjoint[] = [
  checkpoint(),
  checkpoint({ memory: 'sqrt' }),
  direct(),
  interpolated(),
  backsolve(),
  backsolve({ seminorm: false }),
];
const leaves = (tree: Tree): number[][] => {
  const values: number[][] = [];
  mapTree(tree, (leaf) => (values.push(read(leaf)), leaf));
  return values;
};
const inner = (a: Tree, b: Tree): number => {
  const [x, y] = [leaves(a).flat(), leaves(b).flat()];
  return x.reduce((s, v, i) => s + v * y[i]!, 0);
};
/** The same tree with one element changed by h. */
const nudge = <T extends Tree>(tree: T, leaf: number, element: number, h: number): T =>
  mapTree(tree, (x, i) =>
    i === leaf
      ? tensor(
          read(x).map((v, j) => (j === element ? v + h : v)),
          { backend, shape: x.shape },
        )
      : x,
  );

/** Central differences in every element; h = 1e-5 leaves errors of about 1e-10. */
function differences<T extends Tree>(tree: T, loss: (tree: T) => number): number[][] {
  const h = 1e-5;
  return leaves(tree).map((values, i) =>
    values.map((_, j) => (loss(nudge(tree, i, j, h)) - loss(nudge(tree, i, j, -h))) / (2 * h)),
  );
}

describe('checkpoint and direct', () => {
  it.each(
    each.flatMap((solver) =>
      [
        ['fixed steps', { steps: 5 }],
        ['adaptive steps', { rtol: 1e-4, atol: 1e-4 }],
        ['adaptive steps to the end', { rtol: 1e-4, atol: 1e-4, stepTo: [1.5] }],
        ['backwards', { t0: 1.5, t1: 0, rtol: 1e-4, atol: 1e-4, steps: solver.error ? undefined : 4 }],
      ]
        .filter(([, options]) => solver.error || (options as SolveOptions).steps)
        .map(([name, options]) => [solver.name, name as string, solver, options as Partial<SolveOptions>] as const),
    ),
  )('%s, %s: equal to finite differences of the same steps', async (_solver, _name, solver, rest) => {
    const [y0, params, ct] = [start(), weights(), cotangent()];
    const options = { t0: 0, t1: 1.5, solver, ...rest };
    const { grid } = await solve(field, y0, params, options);
    const byState = differences(y0, (y) => inner(replay(field, y, params, grid, { solver }), ct));
    const byParams = differences(params, (p) => inner(replay(field, y0, p, grid, { solver }), ct));
    for (const adjoint of [checkpoint(), direct()]) {
      const run = await solveVjp(field, y0, params, { ...options, adjoint });
      const gradient = await run.pullback(ct);
      leaves(gradient.y0).forEach((g, i) => expect(largestDifference(g, byState[i]!)).toBeLessThan(1e-7));
      leaves(gradient.params).forEach((g, i) => expect(largestDifference(g, byParams[i]!)).toBeLessThan(1e-7));
      expect(read(gradient.params.unused)).toEqual([0, 0]);
    }
  });

  it.each(each)(
    '$name: gradients in the times are those of the problem, to the order of the dense output',
    async (solver) => {
      const [y0, params] = [start(), weights()];
      // In the middle of a step of both grids.
      const options = { t0: 0, t1: 1.5, saveAt: [0.75] };
      const cotangents = { y1: cotangent(), ys: [cotangent(backend, 2)] };
      const timesOf = async (rest: Partial<SolveOptions>): Promise<number[]> => {
        const { solution, pullback, dispose } = await solveVjp(field, y0, params, { ...options, ...rest });
        const { t0, t1, ts } = await pullback(cotangents);
        solution.dispose();
        dispose();
        return [t0, t1, ...ts];
      };
      // By dopri5, whose gradients in the times are compared with differences of whole solves below.
      const exact = await timesOf({ solver: dopri5, rtol: 1e-12, atol: 1e-12, stepTo: [0.75, 1.5] });
      const errorOf = async (steps: number): Promise<number> =>
        largestDifference(await timesOf({ solver, steps }), exact);
      const [coarse, fine] = [await errorOf(15), await errorOf(45)];
      const order = Math.log(coarse / fine) / Math.log(3);
      // Gradients of 1; tolerance and rounding leave 1e-10 of them.
      if (fine > 1e-9) expect(order).toBeGreaterThan(solver.dense.order - 0.3);
      expect(fine).toBeLessThan(2 / 45 ** solver.dense.order);
    },
  );

  it('evaluate no more than the accepted steps did', async () => {
    for (const solver of each) {
      const options = { t0: 0, t1: 1.5, solver, ...(solver.error ? { rtol: 1e-6 } : { steps: 6 }) };
      const stages = solver.fsal ? solver.c.length - 1 : solver.c.length;
      const { solution, pullback } = await solveVjp(field, start(), weights(), options);
      await pullback(cotangent());
      expect(solution.stats.nfeBackward).toBe(stages * solution.stats.accepted + (solver.fsal ? 1 : 0));
      await pullback(cotangent());
      expect(solution.stats.nfeBackward).toBe(2 * (stages * solution.stats.accepted + (solver.fsal ? 1 : 0)));
    }
  });
});

describe('all adjoints', () => {
  const tight = { rtol: 1e-8, atol: 1e-8 };
  const patterns: [string, Partial<SolveOptions>][] = [
    ['the end only', {}],
    ['times between', { saveAt: [0.2, 0.7, 1.1] }],
    ['both ends', { saveAt: [0, 0.7, 1.5] }],
    ['a time twice', { saveAt: [0.7, 0.7] }],
    ['times that steps end at', { saveAt: [0.7], stepTo: [0.7, 1.5] }],
    ['fixed steps', { saveAt: [0.25, 0.7, 1.5], steps: 150 }],
    ['backwards', { t0: 1.5, t1: 0, saveAt: [1.2, 0] }],
  ];

  it.each(patterns)('agree to 1e-5 at tolerance 1e-8: %s', async (_name, pattern) => {
    const [y0, params] = [start(), weights()];
    const options = { t0: 0, t1: 1.5, ...tight, ...pattern };
    const count = pattern.saveAt?.length ?? 0;
    const ct = {
      y1: cotangent(),
      ys: Array.from({ length: count }, (_, i) => (i === 1 ? undefined : cotangent(backend, i + 2))),
    };
    const results = [];
    for (const adjoint of adjoints) {
      const { pullback } = await solveVjp(field, y0, params, { ...options, adjoint });
      const g = await pullback(ct);
      results.push([...leaves(g.y0), ...leaves(g.params), [g.t0, g.t1], g.ts]);
    }
    const [exact, ...others] = results;
    for (const other of others) other.forEach((g, i) => expect(largestDifference(g, exact![i]!)).toBeLessThan(1e-5));

    // In the times: differences of whole solves, exact to the tolerance over h.
    const h = 1e-3;
    const loss = async (t0: number, t1: number, saveAt: readonly number[]): Promise<number> => {
      const { y1, ys } = await solve(field, y0, params, { t0, t1, rtol: 1e-11, atol: 1e-11, saveAt });
      return inner(y1, ct.y1) + ys.reduce((s, y, i) => (ct.ys[i] ? s + inner(y, ct.ys[i]) : s), 0);
    };
    const { t0, t1 } = options;
    const saveAt = pattern.saveAt ?? [];
    const inside = saveAt.every((t) => t !== t0 && t !== t1);
    const [byT0, byT1] = exact![exact!.length - 2] as [number, number];
    if (inside) {
      expect(
        Math.abs(byT0 - ((await loss(t0 + h, t1, saveAt)) - (await loss(t0 - h, t1, saveAt))) / (2 * h)),
      ).toBeLessThan(1e-5);
      expect(
        Math.abs(byT1 - ((await loss(t0, t1 + h, saveAt)) - (await loss(t0, t1 - h, saveAt))) / (2 * h)),
      ).toBeLessThan(1e-5);
      for (let i = 0; i < saveAt.length; i++) {
        if (saveAt.indexOf(saveAt[i]!) !== saveAt.lastIndexOf(saveAt[i]!)) continue;
        const moved = (by: number): number[] => saveAt.map((t, j) => (j === i ? t + by : t));
        const slope = ((await loss(t0, t1, moved(h))) - (await loss(t0, t1, moved(-h)))) / (2 * h);
        expect(Math.abs(exact![exact!.length - 1]![i]! - slope)).toBeLessThan(1e-5);
      }
    }
  });

  it.each(adjoints)(
    '$name: without gradients in the times the field is evaluated less, for the same other gradients',
    async (adjoint) => {
      const [y0, params, ct] = [start(), weights(), cotangent()];
      const options = { ...tight, t0: 0, t1: 1.5, saveAt: [0, 0.7], stepTo: [1.5], adjoint };
      const all = await solveVjp(field, y0, params, options);
      const some = await solveVjp(field, y0, params, { ...options, timeGradients: false });
      const cotangents = { y1: ct, ys: [ct, ct] };
      const [a, b] = [await all.pullback(cotangents), await some.pullback(cotangents)];
      expect(leaves([b.y0, b.params])).toEqual(leaves([a.y0, a.params]));
      expect([b.t0, b.t1, b.ts]).toEqual([NaN, NaN, [NaN, NaN]]);
      // Those at t0 and the three outputs; recorded steps of dopri5 have all but that at their end at hand.
      const saved = all.solution.stats.nfeBackward - some.solution.stats.nfeBackward;
      expect(saved).toBe(adjoint.keeps === 'outputs' || adjoint.keeps === 'dense' ? 4 : 1);
    },
  );

  it.each(adjoints)('$name: nothing happens when t0 = t1, or when no cotangent is given', async (adjoint) => {
    const [y0, params, ct] = [start(), weights(), cotangent()];
    const still = await solveVjp(field, y0, params, { t0: 1, t1: 1, saveAt: [1], adjoint });
    const g = await still.pullback({ y1: ct, ys: [ct] });
    expect(leaves(g.y0)).toEqual(leaves(ct).map((values) => values.map((v) => 2 * v)));
    expect(leaves(g.params)).toEqual(leaves(mapTree(params, zerosLike)));
    const alone = await still.pullback(ct);
    expect(leaves(alone.y0)).toEqual(leaves(ct));
    expect([alone.y0.x === ct.x, alone.y0.energy === ct.energy]).toEqual([false, false]);
    expect(g.t0).toBeCloseTo(-(g.t1 + g.ts[0]!), 12);

    const moving = await solveVjp(field, y0, params, { t0: 0, t1: 1, saveAt: [0.5], adjoint });
    const none = await moving.pullback({});
    expect(leaves(none.y0)).toEqual(leaves(mapTree(y0, zerosLike)));
    expect(leaves(none.params)).toEqual(leaves(mapTree(params, zerosLike)));
    expect([none.t0, none.t1, none.ts]).toEqual([0, 0, [0]]);
  });

  it.each(adjoints)(
    '$name: a cotangent of saved states alone stops the sweep before the last of them',
    async (adjoint) => {
      const [y0, params, ct] = [start(), weights(), cotangent()];
      const options = { ...tight, adjoint };
      const early = await solveVjp(field, y0, params, { t0: 0, t1: 0.4, ...options });
      const long = await solveVjp(field, y0, params, { t0: 0, t1: 3, saveAt: [0.4, 2], ...options });
      const [a, b] = [await early.pullback(ct), await long.pullback({ ys: [ct] })];
      [...leaves(a.y0), ...leaves(a.params)].forEach((g, i) =>
        expect(largestDifference(g, [...leaves(b.y0), ...leaves(b.params)][i]!)).toBeLessThan(1e-6),
      );
      expect(long.solution.stats.nfeBackward).toBeLessThan(long.solution.stats.nfe);
    },
  );

  it.each(adjoints)('$name: results are tensors of their own, and nothing else is left', async (adjoint) => {
    const { downloadSync: _, ...waiting } = createReferenceBackend();
    for (const on of [backend, waiting]) {
      const [y0, params, ct] = [start(on), weights(on), cotangent(on)];
      const before = on.liveBuffers();
      const run = await solveVjp(field, y0, params, {
        t0: 0,
        t1: 1,
        rtol: 1e-5,
        atol: 1e-5,
        saveAt: [0.1, 0.5],
        adjoint,
      });
      run.solution.dispose();
      const kept = on.liveBuffers();
      for (let i = 0; i < 2; i++) {
        const g = await run.pullback({ y1: ct, ys: [undefined, ct] });
        expect(on.liveBuffers()).toBe(kept + 6);
        mapTree([g.y0, g.params] as Tree, (leaf) => (leaf.dispose(), leaf));
        expect(on.liveBuffers()).toBe(kept);
      }
      run.dispose();
      expect(on.liveBuffers()).toBe(before);
    }
  });

  it.each(adjoints)('$name: nothing is left when the field throws on the way back', async (adjoint) => {
    const [y0, params, ct] = [start(), weights(), cotangent()];
    for (const failing of [1, 2, 9, 20]) {
      const before = backend.liveBuffers();
      let calls = -Infinity;
      const f = (t: number, y: State, p: Weights): State => {
        const value = scope(() => field(t, y, p));
        if (++calls === failing) throw new Error('field failed');
        return value;
      };
      const run = await solveVjp(f, y0, params, { t0: 0, t1: 2, rtol: 1e-5, atol: 1e-5, saveAt: [0.5], adjoint });
      const kept = backend.liveBuffers();
      calls = 0;
      await expect(run.pullback({ y1: ct, ys: [ct] })).rejects.toThrow('field failed');
      expect(backend.liveBuffers()).toBe(kept);
      run.dispose();
      run.solution.dispose();
      expect(backend.liveBuffers()).toBe(before);
    }
  });

  it.each(adjoints)('$name: an abort ends the way back, and nothing is left', async (adjoint) => {
    const [y0, params, ct] = [start(), weights(), cotangent()];
    const before = backend.liveBuffers();
    // `direct` takes all steps in one piece: an abort is seen before it.
    for (const aborting of adjoint.name === 'direct' ? [0] : [0, 1, 20]) {
      const controller = new AbortController();
      const abort = (): void => controller.abort(new Error('enough'));
      let calls = -Infinity;
      const f = (t: number, y: State, p: Weights): State => {
        if (++calls === aborting) abort();
        return field(t, y, p);
      };
      const options = { t0: 0, t1: 2, rtol: 1e-5, atol: 1e-5, saveAt: [0.5], adjoint, signal: controller.signal };
      const run = await solveVjp(f, y0, params, options);
      const kept = backend.liveBuffers();
      calls = 0;
      if (aborting === 0) abort();
      await expect(run.pullback({ y1: ct, ys: [ct] })).rejects.toThrow('enough');
      // No step is begun after it.
      expect(calls).toBeLessThan(aborting + 14);
      expect(backend.liveBuffers()).toBe(kept);
      run.dispose();
      run.solution.dispose();
      expect(backend.liveBuffers()).toBe(before);
    }
  });

  it.each([backsolve, interpolated])('a timer aborts the way back: %o', async (adjoint) => {
    const y0 = at([1]);
    let late = false;
    const slow = (_t: number, y: Tensor): Tensor => {
      const start = performance.now();
      while (late && performance.now() - start < 5);
      return scope(() => mul(y, -1));
    };
    const controller = new AbortController();
    const options = { t0: 0, t1: 100, adjoint: adjoint(), signal: controller.signal };
    const run = await solveVjp(slow, y0, {}, options);
    const kept = backend.liveBuffers();
    late = true;
    setTimeout(() => controller.abort(new Error('late')), 20);
    await expect(run.pullback(y0)).rejects.toThrow('late');
    expect(backend.liveBuffers()).toBe(kept);
  });

  it.each(adjoints)('$name: a constant field hands no tensor of the caller on', async (adjoint) => {
    // The cotangent passes through unchanged: gradients must be copies of it.
    const [y0, params, ct] = [at([1, 2]), { drift: at([3, 4]) }, at([5, 6])];
    const f = (_t: number, _y: Tensor, p: typeof params): Tensor => p.drift;
    const before = backend.liveBuffers();
    for (const solver of each) {
      const run = await solveVjp(f, y0, params, { t0: 0, t1: 1, solver, steps: 1, adjoint });
      const g = await run.pullback(ct);
      expect([read(g.y0), read(g.params.drift)].map((v) => v.map((x) => Math.round(x * 1e9) / 1e9))).toEqual([
        [5, 6],
        [5, 6],
      ]);
      expect([g.y0, g.params.drift].some((x) => x === ct)).toBe(false);
      run.dispose();
      run.solution.dispose();
      g.y0.dispose();
      g.params.drift.dispose();
    }
    expect([y0, params.drift, ct].some((x) => x.isDisposed)).toBe(false);
    expect(backend.liveBuffers()).toBe(before);
  });
});

// torchdiffeq's gradient_tests.py, with its thresholds.
it('direct and backsolve agree at default tolerances along a cubic spiral to t = 25', async () => {
  const y0 = at([[2, 0]]);
  const params = { matrix: at([[-0.1, 2], [-2, -0.1]]), unused: at([[1, 2, 3]]) }; // prettier-ignore
  const f = (_t: number, y: Tensor, p: typeof params): Tensor => scope(() => matMul(mul(mul(y, y), y), p.matrix));
  const saveAt = Array.from({ length: 10 }, (_, i) => (25 * i) / 9);
  const ct = { ys: saveAt.map((_, i) => at([[0.001 * Math.cos(3 * i), 0.001 * Math.sin(5 * i)]])) };
  const of = async (adjoint: Adjoint) => {
    const { solution, pullback, dispose } = await solveVjp(f, y0, params, { t0: 0, t1: 25, saveAt, adjoint });
    const gradient = await pullback(ct);
    solution.dispose();
    dispose();
    return gradient;
  };
  const [a, b] = [await of(direct()), await of(backsolve())];
  expect(largestDifference(read(a.y0), read(b.y0))).toBeLessThan(3e-4);
  expect(largestDifference([a.t0, a.t1, ...a.ts], [b.t0, b.t1, ...b.ts])).toBeLessThan(1e-4);
  expect(largestDifference(read(a.params.matrix), read(b.params.matrix))).toBeLessThan(2e-3);
  for (const { params: p, y0: start } of [a, b]) {
    expect(read(p.unused)).toEqual([0, 0, 0]);
    // They are not all small.
    expect(Math.max(...[...read(start), ...read(p.matrix)].map(Math.abs))).toBeGreaterThan(2e-3);
  }
});

it.each(['I', 'PI', 'PID'] as const)(
  'gradients are finite through steps of error 0, and rejected ones, of Infinity too: controller %s',
  async (controller) => {
    // y' = 0 while t < 1, without error, so that the next step is 1e60 long; then y' = b y², which overflows in it: y = y0 / (1 - b y0 (t - 1)).
    const [y0, params] = [at([2]), { b: at([0.1]) }];
    const f = (t: number, y: Tensor, p: typeof params): Tensor => scope(() => mul(mul(y, y), mul(p.b, t < 1 ? 0 : 1)));
    const options = { t0: 0, t1: 3, firstStep: 0.5, jumpAt: [1], maxFactor: 1e60, controller, rtol: 1e-8, atol: 1e-8 };
    const rest = 1 - 0.1 * 2 * 2;
    for (const adjoint of adjoints) {
      const ratios: number[] = [];
      const onStep = ({ errorRatio }: StepInfo): void => void ratios.push(errorRatio!);
      const { solution, pullback } = await solveVjp(f, y0, params, { ...options, adjoint, onStep });
      expect(ratios[0]).toBe(0);
      expect(ratios.some((r) => r > 1 && r < Infinity)).toBe(true);
      expect(ratios.some((r) => !(r < Infinity))).toBe(true);
      // Some ten steps of errors of 1e-8, which the field lets grow threefold.
      expect(Math.abs(read(solution.y1)[0]! - 2 / rest)).toBeLessThan(1e-6);
      const g = await pullback(at([1]));
      const actual = [read(g.y0)[0]!, read(g.params.b)[0]!, g.t1];
      const exact = [1 / rest ** 2, (2 * 4) / rest ** 2, (0.1 * 4) / rest ** 2];
      expect(largestDifference(actual, exact)).toBeLessThan(1e-5);
      expect(g.t0).toBeCloseTo(0, 12);
    }
  },
);

it('takes cotangents of states that have keys like those of a solution', async () => {
  const y0 = { y1: at([1, 2]) };
  const run = await solveVjp((_t, y: typeof y0) => ({ y1: mul(y.y1, -1) }), y0, {}, { t0: 0, t1: 1 });
  const g = await run.pullback({ y1: at([1, 0]) });
  expect(largestDifference(read(g.y0.y1), [Math.exp(-1), 0])).toBeLessThan(1e-6);
});

it('gives zeros to integer parameters', async () => {
  const y0 = at([1, 2]);
  const params = { order: tensor([1, 0], { backend, dtype: 'int32' }), rate: at(0.5) };
  const f = (_t: number, y: Tensor, p: typeof params): Tensor => scope(() => mul(gather(y, p.order, 0), p.rate));
  for (const adjoint of [checkpoint(), direct()]) {
    const before = backend.liveBuffers();
    const run = await solveVjp(f, y0, params, { t0: 0, t1: 1, steps: 3, adjoint });
    const g = await run.pullback(y0);
    expect(read(g.params.order)).toEqual([0, 0]);
    expect(read(g.params.rate)[0]).not.toBe(0);
    run.dispose();
    run.solution.dispose();
    for (const x of [g.y0, g.params.order, g.params.rate]) x.dispose();
    expect(backend.liveBuffers()).toBe(before);
  }
});

it('refuses cotangents that do not fit', async () => {
  const run = await solveVjp((_t, y: Tensor) => mul(y, -1), at([1, 2]), {}, { t0: 0, t1: 1, saveAt: [0.5] });
  await expect(run.pullback(at([1]))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: ode: cotangent has shape [1], the state has [2]. To fix: give it the structure, shapes and dtypes of the state.]`,
  );
  await expect(run.pullback({ ys: [at([1, 2]), at([1, 2])] })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: pullback: 2 cotangents for 1 saved states. To fix: give one for each time of saveAt.]`,
  );
});

it('leaves the parameters out of the error norm with the seminorm: no more evaluations, the same gradient', async () => {
  const [y0, params, ct] = [start(), weights(), cotangent()];
  const options = { t0: 0, t1: 1.5, solver: dopri5, rtol: 1e-8, atol: 1e-8 };
  const semi = await solveVjp(field, y0, params, { ...options, adjoint: backsolve() });
  const full = await solveVjp(field, y0, params, { ...options, adjoint: backsolve({ seminorm: false }) });
  await semi.pullback(ct);
  await full.pullback(ct);
  expect(semi.solution.stats.nfeBackward).toBeLessThanOrEqual(full.solution.stats.nfeBackward);
  const loose = await solveVjp(field, y0, params, { ...options, adjoint: backsolve({ rtol: 1e-3, atol: 1e-3 }) });
  await loose.pullback(ct);
  expect(loose.solution.stats.nfeBackward).toBeLessThan(semi.solution.stats.nfeBackward);
});

describe('continuous adjoints of a solve whose tolerances differ by component', () => {
  // The second component is fast, and nobody wants it: its tolerance is a thousand.
  const f = (t: number, y: Tensor, p: { rate: Tensor }): Tensor =>
    scope(() => add(mul(mul(y, p.rate), at([1, 0])), at([0, 20 * Math.cos(20 * t)])));
  const params = { rate: at(-0.5) };
  const options = { t0: 0, t1: 3, rtol: 1e-6, atol: at([1e-6, 1e3]) };

  it.each([backsolve, interpolated])('refuse to guess those of the adjoint: %o', async (adjoint) => {
    const before = backend.liveBuffers();
    const run = await solveVjp(f, at([1, 0]), params, { ...options, adjoint: adjoint() });
    const ct = at([1, 0]);
    await expect(run.pullback(ct)).rejects.toThrow(/atol differs by component.*give one number for the adjoint/);
    const parts = { rtol: [1e-6, 1e-3], atol: 1e-6 };
    const tree = await solveVjp((_t, y) => y, [at([1]), at([2])], {}, { t0: 0, t1: 1, ...parts, adjoint: adjoint() });
    await expect(tree.pullback([at([1]), at([1])])).rejects.toThrow(/rtol differs by component/);
    for (const { solution, dispose } of [run, tree]) {
      solution.dispose();
      dispose();
    }
    expect(backend.liveBuffers()).toBe(before + 6); // the states and cotangents made here
  });

  it.each([backsolve, interpolated])('keep those of the state, given one for the adjoint: %o', async (adjoint) => {
    const loose = await solveVjp(f, at([1, 0]), params, { ...options, adjoint: adjoint({ atol: 1e-6 }) });
    const tight = await solveVjp(f, at([1, 0]), params, { ...options, atol: 1e-6, adjoint: adjoint() });
    const [a, b] = [await loose.pullback(at([1, 0])), await tight.pullback(at([1, 0]))];
    // dy/drate = t exp(rate t), dy/dy0 = exp(rate t).
    expect(Math.abs(read(a.params.rate)[0]! - 3 * Math.exp(-1.5))).toBeLessThan(1e-4);
    expect(Math.abs(read(a.y0)[0]! - Math.exp(-1.5))).toBeLessThan(1e-4);
    const [few, many] = [loose, tight].map(({ solution }) => solution.stats.nfeBackward);
    if (adjoint === backsolve) expect(few!).toBeLessThan(many! / 2);
    expect(Math.abs(read(b.y0)[0]! - Math.exp(-1.5))).toBeLessThan(1e-4);
  });
});

it("uses a field's own vector-Jacobian product, whatever the order of its records", async () => {
  const [y0, params, ct] = [start(), weights(), cotangent()];
  let calls = 0;
  const own = Object.assign((t: number, y: State, p: Weights) => field(t, y, p), {
    vjp(t: number, y: State, p: Weights, c: State) {
      calls++;
      const { value, pullback } = vjp((x: { y: State; p: Weights }) => field(t, x.y, x.p), { y, p });
      const back = pullback(c);
      const { w, b, scale, unused } = back.p;
      return { value, y: { energy: back.y.energy, x: back.y.x }, params: { unused, scale, b, w } };
    },
  });
  const options = { t0: 0, t1: 1.5, saveAt: [0.5], adjoint: backsolve() };
  const [plain, faster] = [await solveVjp(field, y0, params, options), await solveVjp(own, y0, params, options)];
  const [expected, actual] = [await plain.pullback(ct), await faster.pullback(ct)];
  for (const name of ['w', 'b', 'scale', 'unused'] as const) {
    expect(read(actual.params[name]), name).toEqual(read(expected.params[name]));
  }
  expect(read(actual.y0.x)).toEqual(read(expected.y0.x));
  expect(read(actual.y0.energy)).toEqual(read(expected.y0.energy));
  expect(calls).toBeGreaterThan(0);
});

describe('checkpoint with √n memory', () => {
  it('gives the gradient of checkpoint, bit for bit, for three times the evaluations', async () => {
    const [y0, params, ct] = [start(), weights(), cotangent()];
    for (const rest of [{ steps: 1 }, { steps: 2 }, { steps: 9 }, { steps: 23 }, { rtol: 1e-6, atol: 1e-6 }]) {
      const options = { t0: 0, t1: 1.5, saveAt: [0.3, 1.1], ...rest };
      const [plain, sqrt] = [
        await solveVjp(field, y0, params, options),
        await solveVjp(field, y0, params, { ...options, adjoint: checkpoint({ memory: 'sqrt' }) }),
      ];
      const cts = { y1: ct, ys: [ct, undefined] };
      const [a, b] = [await plain.pullback(cts), await sqrt.pullback(cts)];
      expect(leaves([b.y0, b.params])).toEqual(leaves([a.y0, a.params]));
      expect([b.t0, b.t1, b.ts]).toEqual([a.t0, a.t1, a.ts]);
      expect(sqrt.solution.stats.nfeBackward).toBeLessThanOrEqual(3.5 * plain.solution.stats.nfeBackward + 7);
    }
  });

  it('keeps about 2 √n states', async () => {
    const most = async (adjoint: Adjoint): Promise<number> => {
      let peak = 0;
      let before = 0;
      const f = (_t: number, y: Tensor): Tensor => {
        peak = Math.max(peak, backend.liveBuffers() - before);
        return mul(y, -1);
      };
      const y0 = at([1, 2]);
      before = backend.liveBuffers();
      const run = await solveVjp(f, y0, {}, { t0: 0, t1: 1, steps: 100, adjoint });
      const g = await run.pullback(at([1, 1]));
      run.dispose();
      g.y0.dispose();
      return peak;
    };
    const [all, few] = [await most(checkpoint()), await most(checkpoint({ memory: 'sqrt' }))];
    expect(all).toBeGreaterThan(100);
    expect(few).toBeLessThan(70);
  });
});

describe('checkAdjoint', () => {
  it('finds that all adjoints agree at tight tolerances', async () => {
    const before = backend.liveBuffers();
    const [y0, params, ct] = [start(), weights(), cotangent()];
    const report = await checkAdjoint(
      field,
      y0,
      params,
      { y1: ct, ys: [ct] },
      { t0: 0, t1: 1.5, saveAt: [0.4], ...{ rtol: 1e-9, atol: 1e-9 } },
    );
    expect(report.agrees).toBe(true);
    expect(report.comparisons.map(({ name }) => name)).toEqual(['direct', 'checkpoint', 'interpolated', 'backsolve']);
    expect(report.text.split('\n')).toHaveLength(5);
    mapTree([y0, params, ct] as Tree, (leaf) => (leaf.dispose(), leaf));
    expect(backend.liveBuffers()).toBe(before);
  });

  it('compares reversible steps, too, whose difference falls with the square of their number', async () => {
    const before = backend.liveBuffers();
    const [y0, params, ct] = [start(), weights(), cotangent()];
    const rowOf = async (steps: number, method?: typeof alf) => {
      const options = { t0: 0, t1: 1.5, saveAt: [0.4], rtol: 1e-9, atol: 1e-9, adjoints: [direct()] };
      const { comparisons, agrees } = await checkAdjoint(field, y0, params, ct, {
        ...options,
        reversible: { steps, method },
      });
      expect(comparisons).toHaveLength(2);
      expect(agrees).toBe(comparisons[1]!.agrees);
      return comparisons[1]!;
    };
    const largest = ({ difference }: Awaited<ReturnType<typeof rowOf>>): number =>
      Math.max(...Object.values(difference));
    const [coarse, fine] = [await rowOf(50), await rowOf(100)];
    expect([coarse.name, coarse.agrees, fine.agrees]).toEqual(['reversibleHeun', false, false]);
    expect(Math.abs(Math.log2(largest(coarse) / largest(fine)) - 2)).toBeLessThan(0.3);
    expect((await rowOf(1600, alf)).agrees).toBe(true);
    const both = { t0: 0, t1: 1.5, reversible: { steps: 10 } };
    await expect(checkAdjoint(field, y0, params, { y1: ct }, both)).rejects.toBeInstanceOf(ShapeError);
    const events = [{ value: () => at(1) }];
    await expect(checkAdjoint(field, y0, params, ct, { ...both, events })).rejects.toThrow(/know no events/);
    mapTree([y0, params, ct] as Tree, (leaf) => (leaf.dispose(), leaf));
    expect(backend.liveBuffers()).toBe(before);
  });

  it('finds out backsolve where the field contracts', async () => {
    // y' = -20 (y - a): backwards in time errors grow by exp(100).
    const f = (_t: number, y: Tensor, p: { a: Tensor }): Tensor => scope(() => mul(sin(add(y, p.a)), -20));
    const options = { t0: 0, t1: 5, rtol: 1e-7, atol: 1e-7, maxSteps: 5000, within: 1e-3 };
    const report = await checkAdjoint(f, at([1, 2]), { a: at(0.1) }, at([1, 1]), options);
    const verdicts = Object.fromEntries(report.comparisons.map(({ name, agrees }) => [name, agrees]));
    expect(verdicts['checkpoint']).toBe(true);
    expect(verdicts['interpolated']).toBe(true);
    expect(verdicts['backsolve']).toBe(false);
    expect(report.agrees).toBe(false);
  });
});
