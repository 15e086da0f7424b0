import { copy, disposeTree, mapTree, scope, ValueError, type Params, type Tensor, type Tree } from '@sparseflow/tensor';
import type { AdjointState, FieldStep, FieldStepper, WholeAdjointStep } from './fieldStep.ts';
import { callback, ensure, having, oneOf, type Rules } from './check.ts';
import { stateLayout, type Layout } from './layout.ts';
import { stepAt } from './dense.ts';
import type { EventOptions } from './march/events.ts';
import { run } from './march/coroutine.ts';
import type { Journeyed, Status } from './march/journey.ts';
import { Steps } from './march/steps.ts';
import { march } from './march/march.ts';
import type { Restart, Stats, Step, StepOptions } from './options.ts';
import { makePlan, STEP_RULES, type Plan } from './plan.ts';
import { denseSlope, denseState, type Leaves } from './rungeKutta.ts';
import { tensorStepper, type Problem, type Segment, type TensorStepper } from './tensorStepper.ts';
import { tolerancesOf, type Tolerances } from './tolerances.ts';

/**
 * dy/dt = f(t, y, params). `y` is a tensor or a tree of tensors; the result has its structure, shapes and dtypes. It may return
 * tensors that it did not make (its argument, a parameter, a constant): the solver leaves them alone and frees the others.
 */
export interface VectorField<Y extends Tree, P extends Tree = Params> {
  (t: number, y: Y, params: P): Y;
  /** A faster way to the value and the vector-Jacobian product at once, where the field has one; the adjoint method uses it. */
  readonly vjp?: ((t: number, y: Y, params: P, cotangent: Y) => FieldVjp<Y, P>) | undefined;
  /** A faster way to take a whole step, where the field has one: see `wholeStep`. */
  readonly step?: FieldStepper<Y, P> | undefined;
  /**
   * The same for the adjoint problem, which `backsolve` solves backwards in time: the derivative is that of y, and what `vjp` gives for
   * the negative of the cotangent.
   */
  readonly adjointStep?:
    | ((
        step: FieldStep,
        state: AdjointState<Y, P>,
        slope: AdjointState<Y, P>,
        params: P,
      ) => WholeAdjointStep<Y, P> | undefined)
    | undefined;
}

/** The value of a field and the cotangents of its operands. */
export interface FieldVjp<Y extends Tree, P extends Tree> {
  readonly value: Y;
  readonly y: Y;
  readonly params: P;
}

/**
 * An event: where `value`, a scalar function of time and state, changes its sign. It is looked at after each step, and its time
 * found on the dense output to rounding; two zeros within one step go unnoticed.
 */
export interface SolveEvent<Y extends Tree = Tree, P extends Tree = Tree> extends EventOptions {
  /** NaN at a state that is itself finite is an error. */
  // A method, so that events of any state can be in a list of options.
  value(t: number, y: Y, params: P): Tensor;
}

/** An event that fired. */
export interface FiredEvent<Y extends Tree> {
  /** Its place in `events`. */
  readonly event: number;
  readonly t: number;
  readonly y: Y;
}

export interface SolveOptions extends Omit<StepOptions, 'rtol' | 'atol'> {
  /**
   * Relative tolerance, default 1e-7 (torchdiffeq's), for all components or, in the structure of the state, for each. In float32
   * ask for no less than about 1e-6. 0 leaves the absolute one alone.
   */
  readonly rtol?: Tolerances | undefined;
  /** Absolute tolerance, default 1e-9 (torchdiffeq's), likewise. Above 0: a component that passes zero would have no tolerance. */
  readonly atol?: Tolerances | undefined;
  /** Events to watch for. */
  readonly events?: readonly SolveEvent[] | undefined;
  /**
   * How the error of a state of several tensors is measured: `rms`, the root mean square over all elements together (default),
   * or `mixed`, the largest of the tensors' own (torchdiffeq's norm for tuples).
   */
  readonly norm?: 'rms' | 'mixed' | undefined;
  /** Ends the solve with the signal's reason. On backends that compute at once the event loop gets a turn every 50 ms. */
  readonly signal?: AbortSignal | undefined;
}

export interface Solution<Y extends Tree> {
  /** The state at the end: at `t1`, at the terminal event, or the last good one of a failed solve. */
  readonly y1: Y;
  /** The time of `y1`. */
  readonly t1: number;
  readonly status: Status;
  /** Why a failed solve failed, with `onFailure: 'return'`. */
  readonly failure: Error | undefined;
  /** The events that fired, in order of time. */
  readonly events: readonly FiredEvent<Y>[];
  /** The times of `saveAt` that were reached; with `everyStep` the start of each step. */
  readonly ts: readonly number[];
  /** The states at `ts`. */
  readonly ys: readonly Y[];
  /** The accepted steps, for `replay`. */
  readonly grid: readonly Step[];
  readonly stats: Stats;
  /**
   * To go on from `y1`: `solve(f, solution.y1, params, { ...options, ...solution.next, t1: later })`. Where `y1` is the end of a step
   * (`stepTo: [t1]`, or a failed solve that was returned), the steps and numbers that follow are, bit for bit, those of one
   * solve to the later time with the same `stepTo`.
   */
  readonly next: Restart;
  /**
   * The state at any time from t0 to t1, from the dense output; the caller's to dispose. Needs `dense: true`.
   * @throws {ValueError} outside the interval, or without `dense`
   */
  at(t: number): Y;
  /** The derivative of the dense output, likewise. */
  derivativeAt(t: number): Y;
  /** Frees `y1`, `ys`, the states of `events` and what `at` needs. */
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
 * @throws {MaxStepsError} when the end is not reached in `maxSteps`, or `maxRejects` steps in a row were rejected
 * @throws {EventNotBracketedError} when a required event has not fired
 * @throws {EventValueError} when the value of an event is NaN at a finite state
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
  const { layout, plan, problem } = await pose(f, y0, params, options, false);
  return solutionOf(layout, await integrate(problem, plan));
}

/** The options of `solve`. */
export const SOLVE_RULES = {
  ...STEP_RULES,
  norm: oneOf('rms', 'mixed'),
  signal: having('throwIfAborted', 'an AbortSignal'),
} satisfies Rules;

/** Checks a problem and lays it out in leaves. */
export async function pose<Y extends Tree, P extends Tree>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: SolveOptions,
  retain: boolean,
  more?: Rules,
): Promise<{
  layout: Layout<Y>;
  plan: Plan;
  problem: Problem;
  evaluate: (t: number, y: Leaves, params: P) => Leaves;
}> {
  const refuse = (what: string, remedy: string): Error => new ValueError('solve', what, remedy);
  ensure('f', f, callback, refuse);
  const plan = makePlan(options, refuse, { ...SOLVE_RULES, ...more });
  const layout = stateLayout(y0, 'solve');
  const { leaves, names } = layout;
  const evaluate = (t: number, y: Leaves, p: P): Leaves => layout.flatten(f(t, layout.unflatten(y), p), 'f');
  const problem = {
    field: (t: number, y: Leaves) => evaluate(t, y, params),
    y0: leaves,
    names,
    read: leaves.length,
    groups: normGroups(leaves, options.norm),
    retain,
    tolerances: await tolerancesOf(layout, plan, refuse),
    step: f.step?.(layout, params),
    event: (i: number, t: number, y: Leaves) => options.events![i]!.value(t, layout.unflatten(y), params),
  };
  return { layout, plan, problem, evaluate };
}

function normGroups(leaves: Leaves, norm: SolveOptions['norm']): number[][] {
  const present = [...leaves.keys()].filter((i) => leaves[i]!.size > 0);
  return norm === 'mixed' || present.length === 0 ? present.map((i) => [i]) : [present];
}

/** A solve that has ended: its plan is that of what was reached, which a terminal event or a failure may have cut short. */
export interface Integrated extends Journeyed {
  readonly stepper: TensorStepper;
  readonly grid: readonly Step[];
}

/** Takes a problem to its end; the stepper then holds the outputs, and nothing else unless it retains states. */
export async function integrate(problem: Problem, plan: Plan): Promise<Integrated> {
  const stepper = tensorStepper(problem, plan);
  const steps = new Steps();
  try {
    plan.signal?.throwIfAborted();
    const journey = await run(march(stepper, plan, steps));
    stepper.dispose(false);
    const { times, reached } = journey;
    return { ...journey, stepper, grid: steps.list, plan: { ...plan, times, t1: reached } };
  } catch (error) {
    stepper.dispose(true);
    throw error;
  }
}

export function solutionOf<Y extends Tree>(
  layout: Layout<Y>,
  { stepper, plan, grid, stats, status, failure, events, next }: Integrated,
): Solution<Y> {
  const { outputs, marks, segments } = stepper;
  const { t0, t1, times, solver, dense } = plan;
  const states = outputs.map(layout.unflatten);
  const y1 = states.pop()!;
  const refuse = (what: string, remedy: string): Error => new ValueError('solution.at', what, remedy);
  const read = (t: number, from: (segment: Segment, theta: number, dt: number) => Tensor[]): Y | undefined => {
    if (!dense) throw refuse('the stages were not kept', 'solve with dense: true');
    const place = stepAt(grid, t1, t);
    if (!place) throw refuse(`t = ${t} is not between ${t0} and ${t1}`, 'give a time between them');
    const segment = segments[place.n];
    return segment && layout.unflatten(scope(() => from(segment, place.theta, grid[place.n]!.dt)));
  };
  return {
    y1,
    t1,
    status,
    failure,
    events: events.map((fired, i) => ({ ...fired, y: layout.unflatten(marks[i]!) })),
    ts: times.slice(0, -1),
    ys: states,
    grid,
    stats,
    next,
    // With t0 = t1 there is no step.
    at: (t) => read(t, ({ y, ks }, theta, dt) => denseState(solver, y, ks, dt, theta)) ?? mapTree(y1, copy),
    derivativeAt(t) {
      const slope = read(t, ({ ks }, theta) => denseSlope(solver, ks, theta));
      if (!slope) throw refuse('no step was taken', 'call the field');
      return slope;
    },
    dispose: () => disposeTree([outputs, marks, segments]),
  };
}
