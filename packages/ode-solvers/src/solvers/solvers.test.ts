import { describe, expect, it } from 'vitest';
import { solve } from '../plain.ts';
import { denseWeights, slopeWeights, type Solver } from '../solver.ts';
import { runSync } from '../march/coroutine.ts';
import { kvaerno4 } from '../stiff/kvaerno4.ts';
import { solveImplicit } from '../stiff/solveImplicit.ts';
import { solvers } from './index.ts';

const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((x, i) => x * b[i]!));
const all = Object.entries(solvers as Readonly<Record<string, Solver>>);

/** A nonlinear problem that depends on time: y = exp(sin t). */
const nonlinear = {
  f: (t: number, [y]: Iterable<number>) => [y! * Math.cos(t)],
  exact: (t: number) => Math.exp(Math.sin(t)),
};

/** y' = Ay with ten components: five damped rotations, mixed by a reflection. */
const system = (() => {
  const n = 10;
  const v = Array.from({ length: n }, (_, i) => Math.cos(i + 1));
  const reflect = (y: ArrayLike<number>): number[] => {
    const scale = (2 * dot(v, Array.from(y))) / dot(v, v);
    return v.map((vi, i) => y[i]! - scale * vi);
  };
  const blocks = Array.from({ length: n / 2 }, (_, b) => ({ damping: -0.1 * (b + 1), rate: 0.4 + 0.3 * b }));
  const f = (_t: number, y: ArrayLike<number>): number[] => {
    const z = reflect(y);
    return reflect(
      blocks.flatMap(({ damping, rate }, b) => {
        const [p, q] = [z[2 * b]!, z[2 * b + 1]!];
        return [damping * p - rate * q, rate * p + damping * q];
      }),
    );
  };
  const exact = (t: number, y: ArrayLike<number>): number[] => {
    const z = reflect(y);
    return reflect(
      blocks.flatMap(({ damping, rate }, b) => {
        const [c, s, e] = [Math.cos(rate * t), Math.sin(rate * t), Math.exp(damping * t)];
        const [p, q] = [z[2 * b]!, z[2 * b + 1]!];
        return [e * (c * p - s * q), e * (s * p + c * q)];
      }),
    );
  };
  const y0 = Array.from({ length: n }, (_, i) => 1 + 0.1 * i);
  return { f, exact, y0 };
})();

/** The slope of log error over log step, by least squares over the three shortest steps whose error stands clear of rounding. */
function measuredOrder(error: (parts: number) => number, rounding = 2 ** -44): number {
  const points: [number, number][] = [];
  for (const n of [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096]) {
    const e = error(n);
    if (e < rounding) break;
    points.push([-Math.log2(n), Math.log2(e)]);
  }
  const late = points.slice(-3);
  expect(points.length).toBeGreaterThanOrEqual(5);
  const [mx, my] = [sum(late.map(([x]) => x)) / 3, sum(late.map(([, y]) => y)) / 3];
  return sum(late.map(([x, y]) => (x - mx) * (y - my))) / sum(late.map(([x]) => (x - mx) ** 2));
}

/** Inside a step, where dense output is measured. */
const thetas = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9];

/** A rooted tree, by the subtrees at its root; the order is the number of vertices. */
interface RootedTree {
  readonly order: number;
  readonly branches: readonly RootedTree[];
}

/** All rooted trees by order, up to `largest`. */
function rootedTrees(largest: number): RootedTree[][] {
  const byOrder: RootedTree[][] = [[], [{ order: 1, branches: [] }]];
  for (let order = 2; order <= largest; order++) {
    const known = byOrder.flat();
    const found: RootedTree[] = [];
    const fill = (left: number, from: number, branches: RootedTree[]): void => {
      if (left === 0) found.push({ order, branches });
      for (let i = from; i < known.length; i++) {
        if (known[i]!.order <= left) fill(left - known[i]!.order, i, [...branches, known[i]!]);
      }
    };
    fill(order - 1, 0, []);
    byOrder.push(found);
  }
  return byOrder;
}
const trees = rootedTrees(8);

/** The density γ of a tree (Butcher): the exact solution's condition is Σ bᵢ φᵢ = 1 / γ. */
const density = (tree: RootedTree): number => tree.branches.reduce((p, branch) => p * density(branch), tree.order);

/** The elementary weights φᵢ of a tree's stages. */
function stageWeights(a: Solver['a'], tree: RootedTree): number[] {
  const factors = tree.branches.map((branch) => {
    const inner = stageWeights(a, branch);
    return a.map((row) => sum(row.map((w, j) => w * inner[j]!)));
  });
  return a.map((_, i) => factors.reduce((p, factor) => p * factor[i]!, 1));
}

describe.each(all)('%s', (name, solver) => {
  const { a, b, c, order, error, fsal, dense } = solver;

  it('has a consistent tableau', () => {
    expect(solver.name).toBe(name);
    const s = c.length;
    expect([a.length, b.length, dense.weights.length, error?.length ?? s]).toEqual([s, s, s, s]);
    a.forEach((row, i) => {
      expect(row).toHaveLength(i);
      expect(sum(row)).toBeCloseTo(c[i]!, 14);
    });
    expect(sum(b)).toBeCloseTo(1, 14);
    if (error) expect(sum(error)).toBeCloseTo(0, 14);
    const lastIsResult = c[s - 1] === 1 && s > 1 && a[s - 1]!.every((w, i) => w === b[i]) && b[s - 1] === 0;
    expect(fsal).toBe(lastIsResult);
  });

  it('satisfies the order conditions of the result, the companion and the dense output, and no more', () => {
    const misfit = (weights: readonly number[], n: number, scale: (gamma: number) => number): number =>
      Math.max(...trees[n]!.map((tree) => Math.abs(dot(weights, stageWeights(a, tree)) - scale(density(tree)))));
    // Sums of up to 14 terms of size up to 50 (dopri8's), rounded to 1e-16 each and given to 17 digits or as ratios of ten.
    for (let n = 1; n <= order; n++) expect(misfit(b, n, (gamma) => 1 / gamma)).toBeLessThan(2e-14);
    if (order < 8) expect(misfit(b, order + 1, (gamma) => 1 / gamma)).toBeGreaterThan(1e-5);
    if (error) {
      const companion = b.map((w, i) => w - error[i]!);
      const embedded = solver.embedded!;
      for (let n = 1; n <= embedded; n++) expect(misfit(companion, n, (gamma) => 1 / gamma)).toBeLessThan(2e-14);
      expect(misfit(companion, embedded + 1, (gamma) => 1 / gamma)).toBeGreaterThan(1e-7);
    }
    for (const theta of [0.2, 0.5, 0.7]) {
      for (let n = 1; n <= dense.order; n++) {
        expect(misfit(denseWeights(solver, theta), n, (gamma) => theta ** n / gamma)).toBeLessThan(1e-12);
      }
    }
  });

  it('has a dense output that starts and ends with the step, and its slope', () => {
    expect(denseWeights(solver, 0).every((w) => w === 0)).toBe(true);
    denseWeights(solver, 1).forEach((w, i) => expect(w).toBeCloseTo(b[i]!, 11));
    slopeWeights(solver, 0).forEach((w, i) => expect(w).toBeCloseTo(i === 0 ? 1 : 0, 13));
    const h = 1e-6;
    const [low, high] = [denseWeights(solver, 0.4 - h), denseWeights(solver, 0.4 + h)];
    slopeWeights(solver, 0.4).forEach((w, i) => expect(w).toBeCloseTo((high[i]! - low[i]!) / (2 * h), 8));
  });

  it('has its declared order on a linear system of ten', () => {
    const exact = system.exact(4, system.y0);
    const measured = measuredOrder((steps) => {
      const { y1 } = solve(system.f, system.y0, { t0: 0, t1: 4, solver, steps });
      return Math.hypot(...exact.map((v, i) => v - y1[i]!));
    });
    expect(measured).toBeGreaterThan(order - 0.2);
    // On linear problems dopri8's error is that of order 9 down to rounding: its term of order 8 is all but zero there.
    if (order < 8) expect(measured).toBeLessThan(order + 0.2);
  });

  // The root mean square over the interval, as an error at one point may happen to change its sign there.
  it('has its declared order on a nonlinear problem that depends on time', () => {
    const measured = measuredOrder((steps) => {
      const saveAt = Array.from({ length: steps }, (_, i) => ((i + 1) * 4) / steps);
      const { ys } = solve(nonlinear.f, [1], { t0: 0, t1: 4, solver, steps, saveAt });
      return Math.hypot(...ys.map(([y], i) => y! - nonlinear.exact(saveAt[i]!))) / Math.sqrt(steps);
    });
    expect(Math.abs(measured - order)).toBeLessThan(0.2);
  });

  it('has its declared order of dense output, measured on one step', () => {
    const measured = measuredOrder((parts) => {
      const dt = 4 / parts;
      const saveAt = thetas.map((theta) => 0.5 + theta * dt);
      const options = { t0: 0.5, t1: 0.5 + dt, solver, steps: 1, saveAt };
      const { ys } = solve(nonlinear.f, [nonlinear.exact(0.5)], options);
      return Math.hypot(...ys.map(([y], i) => y! - nonlinear.exact(saveAt[i]!)));
    });
    expect(Math.abs(measured - 1 - dense.order)).toBeLessThan(0.2);
  });

  it("has its declared order of the dense output's derivative, measured on one step", () => {
    const measured = measuredOrder((parts) => {
      const dt = 4 / parts;
      const options = { t0: 0.5, t1: 0.5 + dt, solver, steps: 1, dense: true };
      const { derivativeAt } = solve(nonlinear.f, [nonlinear.exact(0.5)], options);
      const times = thetas.map((theta) => 0.5 + theta * dt);
      return Math.hypot(...times.map((t) => derivativeAt(t)[0]! - nonlinear.f(t, [nonlinear.exact(t)])[0]!));
      // The step does not scale the stages' rounding down, nor the weights', which are up to 50 for dopri8.
    }, 2 ** -40);
    expect(Math.abs(measured - dense.order)).toBeLessThan(0.2);
  });
});

describe('kvaerno4', () => {
  // y' = y² sin t has y = 1 / (2 + cos t).
  const exact = (t: number): number => 1 / (2 + Math.cos(t));
  const problem = {
    f: (t: number, [y]: Float64Array) => Float64Array.of(y! ** 2 * Math.sin(t)),
    jacobian: (t: number, [y]: Float64Array) => Float64Array.of(2 * y! * Math.sin(t)),
  };
  /**
   * The errors at times of `saveAt`, by steps of `dt`. Newton's method ends at a thousandth of the tolerance, and what is left is smaller by
   * the Jacobian's age squared: at a tolerance of 10 dt⁴ it is of order 6, and no step is rejected.
   */
  const errors = (dt: number, t0: number, saveAt: readonly number[]): number[] => {
    const t1 = saveAt.at(-1)!;
    const { ys, failure, steps } = runSync(
      solveImplicit(problem, Float64Array.of(exact(t0)), {
        t0,
        t1,
        saveAt,
        solver: kvaerno4,
        rtol: Float64Array.of(0),
        atol: Float64Array.of(10 * dt ** 4),
        firstStep: dt,
        maxStep: dt,
        maxSteps: 10_000,
        pid: undefined,
        pause: undefined,
        onStep: undefined,
        fail: ({ what }) => new Error(what),
      }),
    );
    expect([failure, steps.length]).toEqual([undefined, Math.ceil((t1 - t0) / dt - 1e-9)]);
    return ys.map(([y], i) => y! - exact(saveAt[i]!));
  };

  it('has a dense output that starts and ends with the step, and its slope', () => {
    const { dense, a } = kvaerno4;
    expect(denseWeights(kvaerno4, 0).every((w) => w === 0)).toBe(true);
    denseWeights(kvaerno4, 1).forEach((w, i) => expect(w).toBeCloseTo(a.at(-1)![i]!, 12));
    expect(dense.weights.map(([w]) => w)).toEqual([1, 0, 0, 0, 0]);
    dense.weights.forEach(([u, v, w], i) => expect(u! + 2 * v! + 3 * w!).toBeCloseTo(i === 4 ? 1 : 0, 12));
  });

  it('has its declared order on a nonlinear problem that depends on time', () => {
    const measured = measuredOrder((steps) => {
      const saveAt = Array.from({ length: steps }, (_, i) => ((i + 1) * 2) / steps);
      return Math.hypot(...errors(2 / steps, 0, saveAt)) / Math.sqrt(steps);
    });
    expect(Math.abs(measured - kvaerno4.order)).toBeLessThan(0.2);
  });

  it('has its declared order of dense output there, measured on one step', () => {
    const measured = measuredOrder((parts) => {
      const dt = 2 / parts;
      const saveAt = [...thetas, 1].map((theta) => 0.5 + theta * dt);
      return Math.hypot(...errors(dt, 0.5, saveAt).slice(0, -1));
    });
    expect(Math.abs(measured - 1 - kvaerno4.dense.order)).toBeLessThan(0.2);
  });
});
