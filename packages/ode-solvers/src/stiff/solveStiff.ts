import {
  BackendError,
  broadcastTo,
  disposeTree,
  linearize,
  scope,
  tensor,
  ValueError,
  type Params,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { callback, check, ensure, having, type Filled } from '../check.ts';
import { solveError } from '../errors.ts';
import { kvaerno4, type ImplicitSolver } from './kvaerno4.ts';
import { replayStiff } from './replay.ts';
import { solveImplicit, type StiffStats } from './solveImplicit.ts';
import { oneTime, replayedPullback, type Replayable } from '../adjoints/replayed.ts';
import { stateLayout } from '../layout.ts';
import { run } from '../march/coroutine.ts';
import { pauses } from '../march/journey.ts';
import type { Ending } from '../options.ts';
import { makePlan, OWN_STEPS, rulesOf } from '../plan.ts';
import type { Leaves } from '../rungeKutta.ts';
import { SOLVE_RULES, type SolveOptions, type VectorField } from '../solve.ts';
import { tolerancesOf } from '../tolerances.ts';

const SHARED = [...OWN_STEPS, 'controller', 'saveAt', 'onFailure', 'onStep'] as const;

export interface StiffOptions extends Pick<SolveOptions, (typeof SHARED)[number] | 'signal'> {
  /** Default `kvaerno4`. */
  readonly method?: ImplicitSolver | undefined;
}

export interface StiffSolution<Y extends Tree, P extends Tree = Params> extends Replayable<Y, P>, Ending {
  readonly y1: Y;
  /** The times of `saveAt` that were reached. */
  readonly ts: readonly number[];
  readonly ys: readonly Y[];
  readonly stats: StiffStats;
  dispose(): void;
}

const RULES = rulesOf(SHARED, {
  method: having('gamma', 'an implicit method such as kvaerno4, not its name', kvaerno4),
  signal: SOLVE_RULES.signal,
});

/**
 * Solves a stiff problem by an implicit method: Newton's method with the exact Jacobian, which is had column by column from a
 * linearization of `f`. For states of up to some hundred components: each step factorizes a matrix of their number squared, on
 * the host. Needs a backend that computes at once. Gradients are those of the steps that were taken, through the stages by the implicit
 * function theorem; they are of first order.
 *
 * @throws {BackendError} on a backend that computes asynchronously
 * @throws {StepSizeUnderflowError | MaxStepsError | NonFiniteStateError | NonFiniteDerivativeError} when it fails
 *
 * @example
 * ```ts
 * import { affine, concat, mul, scope, slice, square, sub, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveStiff } from '@sparseflow/ode-solvers';
 *
 * // Van der Pol's oscillator, μ = 1000.
 * const y0 = tensor([2, 0], { backend: createReferenceBackend() });
 * const field = (_t: number, y: typeof y0) =>
 *   scope(() => {
 *     const [x, v] = [slice(y, [0], [1]), slice(y, [1], [1])];
 *     return concat([v, sub(mul(mul(affine(square(x), -1, 1), v), 1000), x)], 0);
 *   });
 * const { y1, stats } = await solveStiff(field, y0, {}, { t0: 0, t1: 500, rtol: 1e-5, atol: 1e-7 });
 * console.log(y1.dataSync(), stats.accepted);
 * ```
 */
export async function solveStiff<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: StiffOptions,
): Promise<StiffSolution<Y, P>> {
  const refuse = (what: string, remedy: string): Error => new ValueError('solveStiff', what, remedy);
  ensure('f', f, callback, refuse);
  const { method, ...shared } = check<Filled<StiffOptions, 'method'>>(options, RULES, refuse);
  // The steps' own options are those of any solve.
  const plan = makePlan(shared, refuse, SOLVE_RULES);
  const layout = stateLayout(y0, 'solveStiff');
  const { leaves } = layout;
  const backend = leaves[0]?.backend;
  if (!backend?.downloadSync) {
    throw new BackendError(
      backend?.name ?? 'none',
      'Newton’s method reads the state within each step',
      'use a backend that computes at once, or an explicit solver',
    );
  }
  const n = leaves.reduce((sum, { size }) => sum + size, 0);
  const tolerances = await tolerancesOf(layout, plan, refuse);
  const perComponent = (name: 'rtol' | 'atol'): Float64Array =>
    Float64Array.from(
      leaves.flatMap(({ shape, size }, j) => {
        const given = tolerances?.[name][j] ?? plan[name];
        if (typeof given === 'number') return new Array<number>(size).fill(given);
        return Array.from(scope(() => broadcastTo(given, shape).dataSync()));
      }),
    );
  const upload = (values: Float64Array): Tensor[] => {
    let from = 0;
    return leaves.map(({ shape, dtype, size }) => {
      const part = values.slice(from, (from += size));
      return tensor(part, { backend, shape, dtype });
    });
  };
  const download = (parts: Leaves): Float64Array => {
    const values = new Float64Array(n);
    let at = 0;
    for (const part of parts) {
      values.set(part.dataSync(), at);
      at += part.size;
    }
    return values;
  };
  const evaluate = (t: number, y: Leaves, p: P = params): Tensor[] => layout.flatten(f(t, layout.unflatten(y), p), 'f');
  const jacobian = (t: number, y: Float64Array): Float64Array =>
    scopedNumbers(() => {
      const line = linearize((parts: Leaves): Leaves => evaluate(t, parts), upload(y) as Leaves);
      const matrix = new Float64Array(n * n);
      const direction = new Float64Array(n);
      for (let c = 0; c < n; c++) {
        direction[c] = 1;
        const column = scopedNumbers(() => download(line.jvp(upload(direction))));
        direction[c] = 0;
        for (let r = 0; r < n; r++) matrix[r * n + c] = column[r]!;
      }
      return matrix;
    });
  const { y1, reached, failure, ys, stats, steps } = await run(
    solveImplicit({ f: (t, y) => scopedNumbers(() => download(evaluate(t, upload(y)))), jacobian }, download(leaves), {
      t0: plan.t0,
      t1: plan.t1,
      saveAt: plan.times.slice(0, -1),
      solver: method,
      rtol: perComponent('rtol'),
      atol: perComponent('atol'),
      maxStep: plan.maxStep,
      maxSteps: plan.maxSteps,
      pid: plan.pid,
      firstStep: plan.firstStep ?? shortStep(plan),
      pause: plan.signal && pauses(plan.signal),
      onStep: plan.onStep,
      fail: solveError,
    }),
  );
  if (failure && plan.onFailure === 'throw') throw failure;
  const states = scope(() => [...ys, y1].map((values) => layout.unflatten(upload(values))));
  const fieldOf = (p: P) => (t: number, at: Leaves) => {
    stats.nfeBackward++;
    return evaluate(t, at, p);
  };
  const replay = (y: Y, p: P): Y =>
    layout.unflatten(replayStiff(fieldOf(p), layout.flatten(y, 'y0'), { solver: method, steps, upload, jacobian }));
  const ends = { layout, t0: plan.t0, t1: reached, field: fieldOf(params), ...oneTime };
  return {
    y1: states[states.length - 1]!,
    t1: reached,
    status: failure ? 'failed' : 'done',
    failure,
    ts: plan.times.slice(0, ys.length),
    ys: states.slice(0, -1),
    stats,
    replay,
    pullback: replayedPullback(replay, y0, params, ends),
    dispose: () => disposeTree(states),
  };
}

/** A millionth of the interval, but long enough to move the time. */
function shortStep({ t0, t1 }: { readonly t0: number; readonly t1: number }): number {
  return Math.max(1e-6 * Math.abs(t1 - t0), 2 ** -50 * Math.max(Math.abs(t0), Math.abs(t1)), Number.MIN_VALUE);
}

/** A scope that leaves numbers behind, no tensors. */
function scopedNumbers(run: () => Float64Array): Float64Array {
  return scope(run);
}
