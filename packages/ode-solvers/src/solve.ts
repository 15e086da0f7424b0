import { disposeTree, DTypeError, ShapeError, ValueError, type Params, type Tree } from '@sparseflow/tensor';
import { layoutOf, type Layout } from './layout.ts';
import { march, run, type Journey } from './march.ts';
import { makePlan, type Plan, type Stats, type Step, type StepOptions } from './options.ts';
import type { Leaves } from './rungeKutta.ts';
import { TensorStepper, type Problem } from './stepper.ts';

/**
 * dy/dt = f(t, y, params). `y` is a tensor or a tree of tensors; the result has its structure, shapes and dtypes. It may return
 * tensors that it did not make (its argument, a parameter, a constant): the solver leaves them alone and frees the others.
 */
export type VectorField<Y extends Tree, P extends Tree = Params> = (t: number, y: Y, params: P) => Y;

export interface SolveOptions extends StepOptions {
  /**
   * How the error of a state of several tensors is measured: `rms`, the root mean square over all elements together (default),
   * or `mixed`, the largest of the tensors' own (torchdiffeq's norm for tuples).
   */
  readonly norm?: 'rms' | 'mixed' | undefined;
  /** Ends the solve with the signal's reason. On backends that compute at once the event loop gets a turn every 50 ms. */
  readonly signal?: AbortSignal | undefined;
}

export interface Solution<Y extends Tree> {
  /** The state at `t1`. */
  readonly y1: Y;
  /** The times of `saveAt`. */
  readonly ts: readonly number[];
  /** The states at `ts`. */
  readonly ys: readonly Y[];
  /** The accepted steps, for `replay`. */
  readonly grid: readonly Step[];
  readonly stats: Stats;
  /** Frees `y1` and `ys`. */
  dispose(): void;
}

/**
 * Solves the initial value problem dy/dt = f(t, y, params), y(t0) = y0, up to t1, forwards or backwards in time.
 *
 * Adaptive steps follow torchdiffeq 0.2.5 (same controller, first step, error estimate and dense output), so that steps and
 * numbers of evaluations are the same. Nothing is recorded for gradients: see `solveVjp`. Intermediate tensors are freed, also
 * when it throws.
 *
 * @throws {NonFiniteStateError | NonFiniteDerivativeError} where NaN or Infinity turn up
 * @throws {StepSizeUnderflowError} when no step is short enough
 * @throws {MaxStepsError} when the end is not reached in `maxSteps`
 * @throws {ValueError} for options out of range
 * @throws {ShapeError | DTypeError} when `f` returns another structure, shape or dtype than the state's
 *
 * @example
 * ```ts
 * import { mul, neg, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solve } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([1, 2], { backend });
 * const params = { rate: tensor(0.5, { backend }) };
 * const solution = await solve((_t, y, p) => neg(mul(p.rate, y)), y0, params, { t0: 0, t1: 2, saveAt: [1] });
 * console.log(solution.y1.dataSync(), solution.stats.nfe); // [0.3679, 0.7358], exp(-1) times y0
 * solution.dispose();
 * ```
 */
export async function solve<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: SolveOptions,
): Promise<Solution<Y>> {
  const { layout, plan, problem } = pose(f, y0, params, options, false);
  const { stepper, journey } = await integrate(problem, plan);
  return solutionOf(layout, plan, stepper.outputs, journey);
}

/** Checks a problem and lays it out in leaves. */
export function pose<Y extends Tree, P extends Tree>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: SolveOptions,
  retain: boolean,
): {
  layout: Layout<Y>;
  plan: Plan;
  problem: Problem;
  evaluate: (t: number, y: Leaves, params: P) => Leaves;
} {
  const plan = makePlan(options, (what, remedy) => new ValueError('solve', what, remedy));
  const layout = layoutOf(y0, 'y');
  const { leaves, names } = layout;
  if (leaves.length === 0)
    throw new ShapeError('solve', 'the state holds no tensor', 'give a tensor or a tree of tensors');
  const integer = leaves.findIndex((leaf) => leaf.dtype === 'int32');
  if (integer >= 0) throw new DTypeError('solve', `${names[integer]} is int32`, 'cast the state to a floating type');
  const evaluate = (t: number, y: Leaves, p: P): Leaves => layout.flatten(f(t, layout.unflatten(y), p), 'f');
  const problem = {
    field: (t: number, y: Leaves) => evaluate(t, y, params),
    y0: leaves,
    names,
    read: leaves.length,
    groups: normGroups(leaves, options.norm),
    retain,
  };
  return { layout, plan, problem, evaluate };
}

function normGroups(leaves: Leaves, norm: 'rms' | 'mixed' = 'rms'): number[][] {
  const present = leaves.flatMap((leaf, i) => (leaf.size === 0 ? [] : [i]));
  if (present.length === 0) return [];
  return norm === 'rms' ? [present] : present.map((i) => [i]);
}

/** Takes a problem to its end; the stepper then holds the outputs, and nothing else unless it retains states. */
export async function integrate(problem: Problem, plan: Plan): Promise<{ stepper: TensorStepper; journey: Journey }> {
  const stepper = new TensorStepper(problem, plan);
  try {
    plan.signal?.throwIfAborted();
    const journey = await run(march(stepper, plan));
    stepper.dispose(false);
    return { stepper, journey };
  } catch (error) {
    stepper.dispose(true);
    throw error;
  }
}

export function solutionOf<Y extends Tree>(
  layout: Layout<Y>,
  { times }: Plan,
  outputs: readonly Leaves[],
  { grid, stats }: Journey,
): Solution<Y> {
  const states = outputs.map((leaves) => layout.unflatten(leaves));
  return {
    y1: states[states.length - 1]!,
    ts: times.slice(0, -1),
    ys: states.slice(0, -1),
    grid,
    stats,
    dispose: () => states.forEach(disposeTree),
  };
}
