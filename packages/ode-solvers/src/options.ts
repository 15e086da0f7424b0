import type { ControllerName, PidCoefficients } from './march/control.ts';
import type { Solver } from './solver.ts';

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

/** How a solve ended that knows no events. */
export interface Ending {
  /** The time of `y1`: the end, or where a failed solve was returned the last good state's. */
  readonly t1: number;
  readonly status: 'done' | 'failed';
  /** Why a failed solve failed, with `onFailure: 'return'`. */
  readonly failure: Error | undefined;
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

/** Where and how to go on: `solve(f, solution.y1, params, { ...options, ...solution.next, t1 })`. */
export interface Restart {
  readonly t0: number;
  /** The length that the next step would have had; undefined with fixed steps. */
  readonly firstStep: number | undefined;
  /** What a PI or PID controller remembers. */
  readonly firstErrors: readonly number[];
}

/** Options that tensors and plain arrays share. Times and steps are in the problem's own unit. */
export interface StepOptions {
  readonly t0: number;
  /** May lie before `t0` (backward in time) or equal it. */
  readonly t1: number;
  /** Default `dopri5`. */
  readonly solver?: Solver | undefined;
  /** Relative tolerance, default 1e-7 (torchdiffeq's). In float32 ask for no less than about 1e-6. 0 leaves the absolute one alone. */
  readonly rtol?: number | undefined;
  /** Absolute tolerance, default 1e-9 (torchdiffeq's). Above 0: a component that passes zero would have no tolerance. */
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
  /** The error ratios of the steps before `t0`, the latest first, for PI and PID controllers: `next` of an earlier solution has them. */
  readonly firstErrors?: readonly number[] | undefined;
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
  /**
   * Times whose states are wanted, in the direction of integration, within [t0, t1]. They do not change adaptive steps. An empty list,
   * as a program may compute one, is as none: the interval is that of `t0` and `t1`, and the state at its end is in `y1`.
   */
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
