import { pidOf, type Control } from './march/control.ts';
import type { EventOptions } from './march/events.ts';
import type { StepInfo, StepOptions } from './options.ts';
import type { Solver } from './solver.ts';
import { dopri5 } from './solvers/dopri5.ts';

/** Validated options with every default filled in. */
export interface Plan {
  readonly solver: Solver;
  readonly t0: number;
  readonly t1: number;
  readonly direction: 1 | -1;
  /** The times of all outputs: `saveAt`, then `t1`. With `everyStep` those that are known before. */
  readonly times: readonly number[];
  /** The ends of fixed steps, from `t0` to `t1` exactly; undefined for adaptive steps. */
  readonly grid: readonly number[] | undefined;
  readonly rtol: number;
  readonly atol: number;
  readonly firstStep: number | undefined;
  readonly firstErrors: readonly number[];
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
  /** Steps keep their stages, for the dense solution or for events. */
  readonly keep: boolean;
  readonly onFailure: 'throw' | 'return';
  readonly events: readonly EventOptions[];
  readonly signal: AbortSignal | undefined;
  readonly onStep: ((info: StepInfo) => void) | undefined;
}

type Require = (holds: boolean, what: string, remedy: string) => void;

/** Checks options and fills in defaults. `fail` makes the error, so that this file needs no tensor package. */
export function makePlan(
  options: Omit<StepOptions, 'rtol' | 'atol'> & {
    /** Those that are not a number are their owner's business. */
    readonly rtol?: unknown;
    readonly atol?: unknown;
    readonly signal?: AbortSignal | undefined;
    readonly events?: readonly EventOptions[] | undefined;
  },
  fail: (what: string, remedy: string) => Error,
): Plan {
  const { t0, t1, solver = dopri5, saveAt = [], stepTo = [], signal, onStep } = options;
  const rtol = numberOr(options.rtol, 1e-7);
  const atol = numberOr(options.atol, 1e-9);
  const { minStep = 0, maxStep = Infinity, maxSteps = 100_000, firstStep, steps, stepSize } = options;
  const { safety = 0.9, minFactor = 0.2, maxFactor = 10, controller = 'I', maxRejects = Infinity } = options;
  const { jumpAt = [], everyStep = false, dense = false, onFailure = 'throw', events = [], firstErrors = [] } = options;
  const require: Require = (holds, what, remedy) => {
    if (!holds) throw fail(what, remedy);
  };
  require(Number.isFinite(t1 - t0), `the interval from ${t0} to ${t1} is not finite`, 'give finite t0 and t1');
  require(areTolerances('rtol', [rtol]), `rtol is ${rtol}`, 'give a number from 0');
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
    times: everyStep ? [t0, t1] : [...saveAt, t1],
    grid: fixedGrid(options, solver, direction, maxSteps, require),
    rtol,
    atol,
    firstStep,
    firstErrors,
    minStep,
    maxStep,
    maxSteps,
    control: { safety, minFactor, maxFactor, pid: pidOf(controller), flat: safety ** solver.order },
    stops: stops.sort((a, b) => (a - b) * direction),
    jumps: new Set(jumpAt),
    maxRejects,
    everyStep,
    dense,
    keep: dense || events.length > 0,
    onFailure,
    events,
    signal,
    onStep,
  };
}

/** Whether these are numbers that a tolerance can be. Only the relative one may be 0. */
export function areTolerances(name: string, values: ArrayLike<number>): boolean {
  return Array.from(values).every((x) => Number.isFinite(x) && (x > 0 || (x === 0 && name === 'rtol')));
}

function numberOr(given: unknown, otherwise: number): number {
  return typeof given === 'number' ? given : otherwise;
}

/** Times by integer index, so that rounding does not add up and the last one is exactly t1. */
function fixedGrid(
  { t0, t1, steps, stepSize, saveAt = [] }: Omit<StepOptions, 'rtol' | 'atol'>,
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
