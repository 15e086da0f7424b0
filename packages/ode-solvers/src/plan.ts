import {
  above,
  callback,
  check,
  ensure,
  flag,
  fromZero,
  having,
  oneOf,
  type Filled,
  type Refuse,
  type Rule,
  type Rules,
} from './check.ts';
import { pidOf, type Control, type ControllerName, type PidCoefficients } from './march/control.ts';
import type { EventOptions } from './march/events.ts';
import type { StepInfo, StepOptions } from './options.ts';
import type { Solver } from './solver.ts';
import { dopri5 } from './solvers/dopri5.ts';

/** Checked options with every default filled in. */
export interface Plan extends Control {
  readonly solver: Solver;
  readonly t0: number;
  readonly t1: number;
  readonly direction: 1 | -1;
  /** The times of all outputs: `saveAt`, then `t1`. With `everyStep` those that are known before. */
  readonly times: readonly number[];
  /** The ends of fixed steps, from `t0` to `t1` exactly; undefined for adaptive steps. */
  readonly grid: readonly number[] | undefined;
  /** Where tolerances differ by part, what was given: who takes such has numbers of his own. */
  readonly rtol: number;
  readonly atol: number;
  readonly firstStep?: number | undefined;
  readonly firstErrors: readonly number[];
  readonly minStep: number;
  readonly maxStep: number;
  readonly maxSteps: number;
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
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((info: StepInfo) => void) | undefined;
}

type Given = Omit<StepOptions, 'rtol' | 'atol'> & {
  /** Those that are not a number are their owner's business. */
  readonly rtol?: unknown;
  readonly atol?: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly events?: readonly EventOptions[] | undefined;
};

type Require = (holds: boolean, what: string, remedy: string) => void;

/** The difference of two of them is finite, too. */
const time: Rule = [(x) => Number.isFinite(x) && Number.isFinite(2 * x), 'a finite number'];
const times: Rule = [
  // Arrays and typed arrays have it, and no other object that a list is taken for.
  (list: Partial<unknown[]> | null) => !!list?.map && Array.from(list).every(Number.isFinite),
  'finite numbers',
  [],
];
/** One number, or what the owner of the state reads part by part. */
const orParts = ([holds, ...rest]: Rule): Rule => [(x) => typeof x === 'object' || holds(x), ...rest];

const isEvent = (event: { readonly value: unknown; readonly direction: unknown } | null): boolean =>
  typeof event?.value === 'function' && ['up', 'down', 'both', undefined].includes(event.direction as 'up');

/** Only the relative one may be 0. */
const TOLERANCES = { rtol: fromZero(1e-7), atol: above(0, 1e-9) };

/** The options of `StepOptions`. */
export const STEP_RULES = {
  t0: time,
  t1: time,
  solver: having('b', 'a solver such as dopri5, not its name', dopri5),
  rtol: orParts(TOLERANCES.rtol),
  atol: orParts(TOLERANCES.atol),
  steps: above(0),
  stepSize: above(0, undefined, Infinity),
  firstStep: above(0, undefined, Infinity),
  firstErrors: times,
  minStep: fromZero(0),
  maxStep: above(0, Infinity),
  maxSteps: above(0, 100_000),
  safety: above(0, 0.9, 1),
  minFactor: above(0, 0.2, 1),
  maxFactor: above(1, 10),
  controller: [
    (x: ControllerName | PidCoefficients) => {
      const { p, i, d } = { ...pidOf(x) } as PidCoefficients;
      return x === 'I' || Number.isFinite(p + i + d);
    },
    'I, PI, PID or numbers { p, i, d }',
    'I',
  ],
  maxRejects: above(0, Infinity),
  saveAt: times,
  stepTo: times,
  jumpAt: times,
  everyStep: flag,
  dense: flag,
  onFailure: oneOf('throw', 'return'),
  onStep: callback,
  events: [
    (list: unknown) => Array.isArray(list) && list.every(isEvent),
    'a list of { value, direction: up, down or both }',
    [],
  ],
} as const satisfies Rules;

/** The options of what takes adaptive steps in a way of its own. */
export const OWN_STEPS = ['t0', 't1', 'rtol', 'atol', 'firstStep', 'maxStep', 'maxSteps'] as const;

/** The rules where some of the options are taken, and others besides. */
export function rulesOf(names: readonly (keyof typeof STEP_RULES)[], more: Rules): Rules {
  return { ...Object.fromEntries(names.map((name) => [name, STEP_RULES[name]])), ...more };
}

type FilledIn = Filled<Given, 'saveAt' | 'stepTo' | 'jumpAt' | 'controller'> &
  Omit<Plan, 'direction' | 'times' | 'grid' | 'pid' | 'flat' | 'stops' | 'jumps' | 'keep'>;

/** Checks options and fills in defaults. `refuse` makes the error, so that this file needs no tensor package. */
export function makePlan(given: Given, refuse: Refuse, rules: Rules = STEP_RULES): Plan {
  const options = check<FilledIn>(given, rules, refuse);
  const { t0, t1, solver, minStep, maxStep, saveAt, stepTo, jumpAt, everyStep, dense, events } = options;
  ensure('t0', t0, time, refuse);
  ensure('t1', t1, time, refuse);
  const require: Require = (holds, what, remedy) => {
    if (!holds) throw refuse(what, remedy);
  };
  require(minStep <= maxStep, `minStep is ${minStep}, maxStep ${maxStep}`, 'give a smaller minStep');
  const direction = t1 < t0 ? -1 : 1;
  for (const [name, times] of Object.entries({ saveAt, stepTo, jumpAt })) {
    times.forEach((time, i) => {
      const previous = times[i - 1] ?? t0;
      require((time - previous) * direction >= 0 &&
        (t1 - time) * direction >=
          0, `${name}[${i}] = ${time} is not between ${previous} and t1 = ${t1}`, 'give times in the direction of integration');
    });
  }
  require(!everyStep || saveAt.length === 0, 'everyStep and saveAt are both given', 'give one of them');
  // What is added comes first: V8 gives objects that begin as a copy a new shape each time, which would slow all steps down.
  return {
    direction,
    times: everyStep ? [t0, t1] : [...saveAt, t1],
    grid: fixedGrid(options, direction, require),
    pid: pidOf(options.controller),
    flat: options.safety ** solver.order,
    stops: [...new Set([...stepTo, ...jumpAt])].filter((time) => time !== t0).sort((a, b) => (a - b) * direction),
    jumps: new Set(jumpAt),
    keep: dense || events.length > 0,
    ...options,
  };
}

/** Whether these are numbers that a tolerance can be. */
export function areTolerances(name: 'rtol' | 'atol', values: ArrayLike<number>): boolean {
  return Array.from(values).every(TOLERANCES[name][0] as (x: number) => boolean);
}

/** Times by integer index, so that rounding does not add up and the last one is exactly t1. */
function fixedGrid(
  { t0, t1, steps, stepSize, saveAt, solver, maxSteps }: FilledIn,
  direction: number,
  require: Require,
): number[] | undefined {
  const span = t1 - t0;
  require(!steps || !stepSize, 'steps and stepSize are both given', 'give one of them');
  if (!steps && !stepSize) {
    if (solver.error) return undefined;
    require(saveAt.length > 0, `${solver.name} has no error estimate`, 'give steps or stepSize, or use dopri5');
    return [...new Set([t0, ...saveAt, t1])];
  }
  const n = steps ?? Math.max(1, Math.ceil(Math.abs(span) / stepSize! - 1e-9));
  require(Number.isInteger(n) &&
    n <= maxSteps, `${n} steps are asked for`, `give an integer up to maxSteps, ${maxSteps}`);
  if (span === 0) return [t0];
  return Array.from({ length: n + 1 }, (_, i) =>
    i === n ? t1 : t0 + (steps ? (span * i) / n : direction * stepSize! * i),
  );
}
