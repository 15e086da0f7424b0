import { affine, scope, stopGradient, ValueError, type Params, type Tree } from '@sparseflow/tensor';
import { callback, ensure, type Rule } from './check.ts';
import { layoutOf } from './layout.ts';
import type { Step } from './options.ts';
import { denseSlope, denseState, rungeKuttaStep, type LeafField, type Leaves } from './rungeKutta.ts';
import { STEP_RULES } from './plan.ts';
import type { Solver } from './solver.ts';
import { dopri5 } from './solvers/dopri5.ts';
import type { VectorField } from './solve.ts';

/** Where an output lies: at t + θ dt of a step; step -1 is the start. */
export interface Output {
  readonly index: number;
  readonly step: number;
  readonly theta: number;
}

/** Finds the step of each output time. */
export function locate(grid: readonly Step[], times: readonly number[]): Output[] {
  let step = 0;
  return times.map((time, index) => {
    const start = grid[0];
    if (!start || time === start.t) return { index, step: -1, theta: 0 };
    const direction = Math.sign(start.dt);
    while (step < grid.length - 1 && (grid[step + 1]!.t - time) * direction < 0) step++;
    const { t, dt } = grid[step]!;
    return { index, step, theta: (time - t) / dt };
  });
}

/** A part of a grid of steps, and what is wanted of it. */
export interface Stretch {
  readonly grid: readonly Step[];
  /** Steps `from` up to, not including, `to`. */
  readonly from: number;
  readonly to: number;
  /** Where the last step of the whole grid ends, free of rounding. */
  readonly t1?: number;
  /** Of these, those that lie in the steps. */
  readonly outputs: readonly Output[];
  /** Also the derivatives in time at the outputs, as constants. */
  readonly slopes: boolean;
}

export interface Replayed {
  readonly final: Leaves;
  readonly outputs: readonly { readonly index: number; readonly state: Leaves; readonly slope: Leaves | undefined }[];
  /** The derivative at the first step's start. */
  readonly k1: Leaves | undefined;
}

/** Takes given steps by differentiable operations. */
export function replaySteps(solver: Solver, field: LeafField, y0: Leaves, stretch: Stretch): Replayed {
  const { grid, from, to, slopes } = stretch;
  const outputs: { index: number; state: Leaves; slope: Leaves | undefined }[] = [];
  let y = y0;
  let k1: Leaves | undefined;
  let first: Leaves | undefined;
  for (let n = from; n < to; n++) {
    const { t, dt } = grid[n]!;
    const end = grid[n]!.end ?? grid[n + 1]?.t ?? (grid[n]!.until === undefined ? (stretch.t1 ?? t + dt) : t + dt);
    const inside = stretch.outputs.filter(({ step }) => step === n);
    const complete = inside.some(({ theta }) => slopes || theta !== 1);
    const start = y;
    const done = scope(() => {
      const { y1, ks } = rungeKuttaStep(solver, field, { t, dt, end }, start, { k1, complete });
      // Constants: what is computed from them is not recorded.
      const constants = slopes && inside.length > 0 ? ks.map((k) => k.map(stopGradient)) : [];
      return {
        y1,
        first: n === from ? ks[0] : undefined,
        last: solver.fsal && complete ? ks[ks.length - 1] : undefined,
        outputs: inside.map(({ index, theta }) => ({
          index,
          state: theta === 1 ? y1 : denseState(solver, start, ks, dt, theta),
          slope: slopes ? denseSlope(solver, constants, theta) : undefined,
        })),
      };
    });
    outputs.push(...done.outputs);
    first ??= done.first;
    // After a jump the derivative is another one.
    k1 = grid[n]!.end === undefined ? done.last : undefined;
    y = done.y1;
  }
  return { final: y, outputs, k1: first };
}

const steps: Rule = [Array.isArray, 'the grid of a solution'];

/**
 * Takes the steps of a solution again, by tensor operations alone: synchronous, and differentiable to any order in `y0` and
 * `params` with the steps held fixed. `replay(f, y0, params, solution.grid, { solver })` is `solution.y1`.
 *
 * Derivatives of any order, Hessian-vector products and forward mode are had by differentiating a function that calls it. All
 * intermediate values are then kept; `checkpoint()` needs less memory for a gradient.
 *
 * @param grid accepted steps, each starting where the one before ends
 * @throws {ShapeError} when `f` returns another structure than the state's
 *
 * @example
 * ```ts
 * import { hvp, mul, neg, sum, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { replay, solve } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([1, 2], { backend });
 * const params = { rate: tensor(0.5, { backend }) };
 * const decay = (_t: number, y: typeof y0, p: typeof params) => neg(mul(p.rate, y));
 * const { grid } = await solve(decay, y0, params, { t0: 0, t1: 1 });
 * const loss = (p: typeof params) => sum(replay(decay, y0, p, grid));
 * console.log(hvp(loss, params, { rate: tensor(1, { backend }) }).rate.dataSync()); // 3 exp(-0.5) = [1.8196]
 * ```
 */
export function replay<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  grid: readonly Step[],
  { solver = dopri5 }: { readonly solver?: Solver | undefined } = {},
): Y {
  const refuse = (what: string, remedy: string): Error => new ValueError('replay', what, remedy);
  ensure('f', f, callback, refuse);
  ensure('grid', grid, steps, refuse);
  ensure('solver', solver, STEP_RULES.solver, refuse);
  const layout = layoutOf(y0, 'y');
  const field: LeafField = (t, y) => layout.flatten(f(t, layout.unflatten(y), params), 'f');
  const last = grid[grid.length - 1];
  return scope(() => {
    if (!last) return layout.unflatten(layout.leaves.map((leaf) => affine(leaf, 1)));
    const outputs = last.until === undefined ? [] : locate(grid, [last.until]);
    const stretch = { grid, from: 0, to: grid.length, outputs, slopes: false };
    const { final, outputs: read } = replaySteps(solver, field, layout.leaves, stretch);
    return layout.unflatten(read[0]?.state ?? final);
  });
}
