import { pidOf, type Control, type ControllerName, type PidCoefficients } from './control.ts';
import type { EventOptions } from './events.ts';
import type { Solver } from './solver.ts';
import { dopri5 } from './solvers/dopri5.ts';

/** A step that was taken, or is to be replayed. */
export interface Step {
  readonly t: number;
  /** Signed: negative backwards in time. */
  readonly dt: number;
  /** The solution ends here, inside the step, and is read from the dense output. Only the last step may have it. */
  readonly until?: number;
  /** The step ends at a jump: its last stage was evaluated here, just before it. */
  readonly end?: number;
}

/** What `onStep` is told about every attempted step. */
export interface StepInfo {
  readonly t: number;
  readonly dt: number;
  readonly accepted: boolean;
  /** The error estimate over the tolerance: a step is accepted up to 1. Undefined with fixed steps. */
  readonly errorRatio: number | undefined;
  /** Function evaluations so far. */
  readonly nfe: number;
}

/** The work that a solve took. */
export interface Stats {
  accepted: number;
  rejected: number;
  /** Function evaluations of the forward solve. */
  nfe: number;
  /** Function evaluations of all backward passes so far. */
  nfeBackward: number;
  /** The smallest and largest accepted step, as lengths; 0 where none was taken. */
  dtMin: number;
  dtMax: number;
}

/** Options that tensors and plain arrays share. Times and steps are in the problem's own unit. */
export interface StepOptions {
  readonly t0: number;
  /** May lie before `t0` (backward in time) or equal it. */
  readonly t1: number;
  /** Default `dopri5`. */
  readonly solver?: Solver | undefined;
  /** Relative tolerance, default 1e-7 (torchdiffeq's). In float32 ask for no less than about 1e-6. */
  readonly rtol?: number | undefined;
  /** Absolute tolerance, default 1e-9 (torchdiffeq's). */
  readonly atol?: number | undefined;
  /**
   * Fixed steps: this many equal ones. A method without error estimate needs `steps`, `stepSize` or `saveAt`; with `saveAt`
   * alone it takes one step from each time to the next. A method with an error estimate takes fixed steps when asked to.
   */
  readonly steps?: number | undefined;
  /** Fixed steps: of this length, the last one as short as it must be to end at `t1`. */
  readonly stepSize?: number | undefined;
  /** Length of the first trial step. Default: chosen from two evaluations (Hairer, Nørsett & Wanner, II.4). */
  readonly firstStep?: number | undefined;
  /** Steps are not made shorter than this: at this length they are accepted whatever their error. Default 0. */
  readonly minStep?: number | undefined;
  readonly maxStep?: number | undefined;
  /** Limit on attempted steps, default 100,000. */
  readonly maxSteps?: number | undefined;
  /** Default 0.9. */
  readonly safety?: number | undefined;
  /** Limits on the factor from one step size to the next, default 0.2 and 10. */
  readonly minFactor?: number | undefined;
  readonly maxFactor?: number | undefined;
  /** How the step size follows the error: `I` (default, torchdiffeq's), `PI`, `PID`, or coefficients. */
  readonly controller?: ControllerName | PidCoefficients | undefined;
  /** Limit on rejected steps in a row, default none. */
  readonly maxRejects?: number | undefined;
  /** Times whose states are wanted, in the direction of integration, within [t0, t1]. They do not change adaptive steps. */
  readonly saveAt?: readonly number[] | undefined;
  /**
   * Times that adaptive steps must end at. By default the last step may pass `t1`, whose state is then read from the dense
   * output, as torchdiffeq does; `stepTo: [t1]` keeps the vector field from being evaluated beyond the end.
   */
  readonly stepTo?: readonly number[] | undefined;
  /**
   * Times at which the vector field jumps. Adaptive steps end there, evaluated just before the jump, and start anew just after
   * it, so that no step straddles it.
   */
  readonly jumpAt?: readonly number[] | undefined;
  /** Output the start and the end of every accepted step instead of the times of `saveAt`. */
  readonly everyStep?: boolean | undefined;
  /** Keep the stages of all steps, for `at` and `derivativeAt` of the solution. */
  readonly dense?: boolean | undefined;
  /**
   * What a failed solve does: `throw` its error (default), or `return` a solution of status `failed` with that error and what
   * was reached; its `y1` is the last good state. Aborts and errors thrown by the field are always thrown.
   */
  readonly onFailure?: 'throw' | 'return' | undefined;
  /** Called after every attempted step. What it throws ends the solve. */
  readonly onStep?: ((info: StepInfo) => void) | undefined;
}

/** Validated options with every default filled in. */
export interface Plan {
  readonly solver: Solver;
  readonly t0: number;
  readonly t1: number;
  readonly direction: 1 | -1;
  /** The times of all outputs: `saveAt`, then `t1`. */
  readonly times: readonly number[];
  /** The ends of fixed steps, from `t0` to `t1` exactly; undefined for adaptive steps. */
  readonly grid: readonly number[] | undefined;
  readonly rtol: number;
  readonly atol: number;
  readonly firstStep: number | undefined;
  readonly minStep: number;
  readonly maxStep: number;
  readonly maxSteps: number;
  readonly control: Control;
  readonly stops: readonly number[];
  /** Those of the stops where the field jumps. */
  readonly jumps: ReadonlySet<number>;
  readonly maxRejects: number;
  readonly everyStep: boolean;
  readonly dense: boolean;
  readonly onFailure: 'throw' | 'return';
  readonly events: readonly EventOptions[];
  readonly signal: AbortSignal | undefined;
  readonly onStep: ((info: StepInfo) => void) | undefined;
}

type Require = (holds: boolean, what: string, remedy: string) => void;

/** Checks options and fills in defaults. `fail` makes the error, so that this file needs no tensor package. */
export function makePlan(
  options: StepOptions & {
    readonly signal?: AbortSignal | undefined;
    readonly events?: readonly EventOptions[] | undefined;
  },
  fail: (what: string, remedy: string) => Error,
): Plan {
  const { t0, t1, solver = dopri5, rtol = 1e-7, atol = 1e-9, saveAt = [], stepTo = [], signal, onStep } = options;
  const { minStep = 0, maxStep = Infinity, maxSteps = 100_000, firstStep, steps, stepSize } = options;
  const { safety = 0.9, minFactor = 0.2, maxFactor = 10, controller = 'I', maxRejects = Infinity } = options;
  const { jumpAt = [], everyStep = false, dense = false, onFailure = 'throw', events = [] } = options;
  const require: Require = (holds, what, remedy) => {
    if (!holds) throw fail(what, remedy);
  };
  require(Number.isFinite(t1 - t0), `the interval from ${t0} to ${t1} is not finite`, 'give finite t0 and t1');
  require(rtol >= 0 && rtol < Infinity, `rtol is ${rtol}`, 'give a number from 0');
  const positive = { atol, firstStep, maxStep, maxSteps, maxRejects, steps, stepSize, safety, minFactor, maxFactor };
  for (const [name, value = 1] of Object.entries(positive))
    require(value > 0, `${name} is ${value}`, 'give a positive number');
  require(minStep >= 0 &&
    minStep <= maxStep, `minStep is ${minStep}, maxStep ${maxStep}`, 'give 0 ≤ minStep ≤ maxStep');
  require(safety < 1 &&
    minFactor < 1 &&
    maxFactor >
      1, `safety is ${safety}, minFactor ${minFactor}, maxFactor ${maxFactor}`, 'give safety and minFactor below 1, maxFactor above');
  const direction = t1 < t0 ? -1 : 1;
  for (const [name, times] of Object.entries({ saveAt, stepTo, jumpAt })) {
    times.forEach((time, i) => {
      const previous = i === 0 ? t0 : times[i - 1]!;
      require((time - previous) * direction >= 0 &&
        (t1 - time) * direction >=
          0, `${name}[${i}] = ${time} is not between ${previous} and t1 = ${t1}`, 'give times in the direction of integration');
    });
  }
  require(!everyStep || saveAt.length === 0, 'everyStep and saveAt are both given', 'give one of them');
  const stops = [...new Set([...stepTo, ...jumpAt])].filter((time) => time !== t0);
  return {
    solver,
    t0,
    t1,
    direction,
    times: [...saveAt, t1],
    grid: fixedGrid(options, solver, direction, maxSteps, require),
    rtol,
    atol,
    firstStep,
    minStep,
    maxStep,
    maxSteps,
    control: { safety, minFactor, maxFactor, pid: pidOf(controller) },
    stops: stops.sort((a, b) => (a - b) * direction),
    jumps: new Set(jumpAt),
    maxRejects,
    everyStep,
    dense,
    onFailure,
    events,
    signal,
    onStep,
  };
}

/** Times by integer index, so that rounding does not add up and the last one is exactly t1. */
function fixedGrid(
  { t0, t1, steps, stepSize, saveAt = [] }: StepOptions,
  solver: Solver,
  direction: number,
  maxSteps: number,
  require: Require,
): number[] | undefined {
  if (steps === undefined && stepSize === undefined) {
    if (solver.error) return undefined;
    require(saveAt.length >
      0, `${solver.name} has no error estimate to choose steps by`, 'give steps or stepSize, or use dopri5');
    return [...new Set([t0, ...saveAt, t1])];
  }
  require(steps === undefined || stepSize === undefined, 'steps and stepSize are both given', 'give one of them');
  const span = t1 - t0;
  const n = steps ?? Math.ceil(Math.abs(span) / stepSize! - 1e-9);
  require(Number.isInteger(n) &&
    n <= maxSteps, `${n} steps are asked for`, `give an integer up to maxSteps, ${maxSteps}`);
  if (span === 0) return [t0];
  const time = (i: number): number => t0 + (stepSize === undefined ? (span * i) / n : direction * stepSize * i);
  return Array.from({ length: n + 1 }, (_, i) => (i === n ? t1 : time(i)));
}
