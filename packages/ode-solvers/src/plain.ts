import { callback, ensure, type Rule } from './check.ts';
import { stepAt } from './dense.ts';
import type { EventOptions } from './march/events.ts';
import { SolveError } from './plain/errors.ts';
import { runSync } from './march/coroutine.ts';
import type { Status } from './march/journey.ts';
import { march } from './march/march.ts';
import type { Restart, Stats, Step, StepOptions } from './options.ts';
import { makePlan } from './plan.ts';
import { PlainSteps } from './plain/plainSteps.ts';
import { PlainStepper, type PlainExtras, type Segment } from './plain/plainStepper.ts';
import { combine, stateInside } from './plain/stages.ts';
import { denseWeights, slopeWeights } from './solver.ts';

export { SolveError } from './plain/errors.ts';
export type { Component, FailureReport } from './failure.ts';
export type { Restart, Stats, Step, StepInfo, StepOptions } from './options.ts';
export type { ControllerName, PidCoefficients } from './march/control.ts';
export type { EventOptions } from './march/events.ts';
export type { Status } from './march/journey.ts';
export type { DenseOutput, Solver } from './solver.ts';
export { solvers } from './solvers/index.ts';
export { adaptiveHeun } from './solvers/adaptiveHeun.ts';
export { bosh3 } from './solvers/bosh3.ts';
export { dopri5 } from './solvers/dopri5.ts';
export { dopri8 } from './solvers/dopri8.ts';
export { euler } from './solvers/euler.ts';
export { fehlberg2 } from './solvers/fehlberg2.ts';
export { fehlberg45 } from './solvers/fehlberg45.ts';
export { heun } from './solvers/heun.ts';
export { heun3 } from './solvers/heun3.ts';
export { midpoint } from './solvers/midpoint.ts';
export { ralston } from './solvers/ralston.ts';
export { rk4 } from './solvers/rk4.ts';
export { rk4Classic } from './solvers/rk4Classic.ts';
export { tsit5 } from './solvers/tsit5.ts';

/**
 * dy/dt at t and y. Returns the derivative, or writes it to `dydt` and returns nothing, which is faster. `y` and `dydt` belong
 * to the solver: `y` must not be changed, and neither be kept.
 */
export type PlainField = (t: number, y: Float64Array, dydt: Float64Array) => ArrayLike<number> | void;

/**
 * An event: where `value` changes its sign. It is looked at after each step, and its time found on the dense output to rounding;
 * two zeros within one step go unnoticed.
 */
export interface PlainEvent extends EventOptions {
  /** NaN, or nothing, is an error wherever it is met. */
  readonly value: (t: number, y: Float64Array) => number;
}

/** What plain arrays take besides the shared options: tolerances by component, and events. */
export interface PlainOptions extends Omit<StepOptions, 'rtol' | 'atol'>, PlainExtras {}

export interface PlainSolution {
  /** The state at the end: at `t1`, at the terminal event, or the last good one of a failed solve. */
  readonly y1: Float64Array;
  /** The time of `y1`. */
  readonly t1: number;
  readonly status: Status;
  /** Why a failed solve failed, with `onFailure: 'return'`. */
  readonly failure: Error | undefined;
  /** The events that fired, in order of time. */
  readonly events: readonly { readonly event: number; readonly t: number; readonly y: Float64Array }[];
  /** The times of `saveAt` that were reached; with `everyStep` the start of each step. */
  readonly ts: readonly number[];
  /** The states at `ts`. */
  readonly ys: readonly Float64Array[];
  /** The accepted steps. */
  readonly grid: readonly Step[];
  readonly stats: Stats;
  /**
   * To go on from `y1`: `solve(f, solution.y1, { ...options, ...solution.next, t1: later })`. Where `y1` is the end of a step
   * (`stepTo: [t1]`, or a failed solve that was returned), the steps and numbers that follow are, bit for bit, those of one
   * solve to the later time with the same `stepTo`.
   */
  readonly next: Restart;
  /**
   * The state at any time from t0 to t1, from the dense output. Needs `dense: true`.
   * @throws {SolveError} outside the interval, or without `dense`
   */
  at(t: number): Float64Array;
  /** The derivative of the dense output, likewise. */
  derivativeAt(t: number): Float64Array;
}

const isArray: Rule = [
  (x: ArrayLike<number> | null) => typeof x === 'object' && x !== null && x.length >= 0,
  'an array of numbers',
];

/**
 * Solves dy/dt = f(t, y), y(t0) = y0, with numbers in plain arrays: no tensors, no promises, float64. Solvers, step control and
 * dense output are those of the package's main entry. There is no `signal`, as none could fire before it returns: throw from the field
 * or from `onStep` to end it, or bound it by `maxSteps`.
 *
 * @throws {SolveError} when the solve fails, with the same report as the tensor solver's errors, and for options out of range
 *
 * @example
 * ```ts
 * import { solve } from '@sparseflow/ode-solvers/plain';
 *
 * const { y1, ys } = solve((t, y) => [y[1]!, -y[0]!], [1, 0], { t0: 0, t1: Math.PI, saveAt: [Math.PI / 2] });
 * console.log(y1, ys[0]); // close to [-1, 0] and [0, -1]
 * ```
 */
export function solve(f: PlainField, y0: ArrayLike<number>, options: PlainOptions): PlainSolution {
  const refuse = (what: string, remedy: string): SolveError => new SolveError('VALUE', `solve: ${what}`, remedy);
  ensure('f', f, callback, refuse);
  ensure('y0', y0, isArray, refuse);
  const plan = makePlan(options, refuse);
  const { rtol, atol, events } = options;
  const { solver, t0, dense } = plan;
  const steps = new PlainSteps();
  const stepper = new PlainStepper(f, y0, plan, { rtol, atol, events });
  const { stats, times, status, failure, events: fired, next } = runSync(march(stepper, plan, steps));
  const { outputs, marks, segments } = stepper;
  const t1 = times[times.length - 1]!;
  const y1 = outputs[outputs.length - 1]!;
  type Reader = (segment: Segment, theta: number, dt: number) => Float64Array;
  const read = (t: number, from: Reader): Float64Array | undefined => {
    if (!dense) throw refuse('the stages were not kept', 'solve with dense: true');
    const place = stepAt(steps.list, t1, t);
    if (!place) throw refuse(`t = ${t} is not between ${t0} and ${t1}`, 'give a time between them');
    const segment = segments[place.n];
    return segment && from(segment, place.theta, steps.list[place.n]!.dt);
  };
  return {
    y1,
    t1,
    status,
    failure,
    events: fired.map((event, i) => ({ ...event, y: marks[i]! })),
    ts: times.slice(0, -1),
    ys: outputs.slice(0, -1),
    get grid() {
      return steps.list;
    },
    stats,
    next,
    // With t0 = t1 there is no step.
    at: (t) => read(t, ({ y, ks }, theta, dt) => stateInside(y, ks, denseWeights(solver, theta), dt)) ?? y1.slice(),
    derivativeAt(t) {
      const slope = read(t, ({ ks }, theta) => combine(ks, slopeWeights(solver, theta)));
      if (!slope) throw refuse('no step was taken', 'call the field');
      return slope;
    },
  };
}
