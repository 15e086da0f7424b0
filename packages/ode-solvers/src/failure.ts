import type { Stats } from './options.ts';
import type { Plan } from './plan.ts';

/** Why a solve had to give up. */
export type FailureKind = 'underflow' | 'maxSteps' | 'maxRejects' | 'state' | 'derivative' | 'event' | 'eventValue';

/** Where a solve was when it gave up. */
export interface FailureFacts extends Stats {
  /** The time of the last accepted state. */
  readonly time: number;
  /** The step that could not be taken. */
  readonly stepSize: number;
  /** Of the last attempt; undefined with fixed steps or before the first. */
  readonly errorRatio?: number | undefined;
  /** The share of the interval that is done, 0 to 1. */
  readonly progress: number;
  readonly maxSteps: number;
  readonly maxRejects: number;
  /** What is wrong in words, where the numbers do not say it. */
  readonly because?: string | undefined;
}

/** The facts of a solve by its plan and what it has done; `at` says where it is. */
export function factsOf(
  { t0, t1, maxSteps, maxRejects = Infinity }: Pick<Plan, 't0' | 't1' | 'maxSteps'> & { maxRejects?: number },
  stats: Stats,
  at: Whereabouts,
): FailureFacts {
  const progress = (at.time - t0) / (t1 - t0);
  return { ...stats, progress, maxSteps, maxRejects, ...at };
}

/** What only the loop over steps knows. */
export type Whereabouts = Pick<FailureFacts, 'time' | 'stepSize'> & Partial<FailureFacts>;

/** One component of the state and how much it has to do with a failure. */
export interface Component {
  /** Its name with its index, such as `y[3]`. */
  readonly name: string;
  /** Its value in the last accepted state. */
  readonly value: number;
  /** Its error over its tolerance, or its derivative, or its value: what `Evidence.measure` says. */
  readonly size: number;
}

/** What a stepper reads back when a solve fails; one array for each part of the state. */
export interface Evidence {
  readonly measure: 'error' | 'derivative' | 'state';
  /** Last accepted state. */
  readonly state: readonly ArrayLike<number>[];
  readonly initial: readonly ArrayLike<number>[];
  /** By component, what `measure` says. */
  readonly sizes: readonly ArrayLike<number>[];
  readonly name: (part: number, index: number) => string;
}

/** A failed solve: what its error carries. */
export interface FailureReport extends FailureFacts {
  readonly kind: FailureKind;
  /** Stable, for programs. */
  readonly code: (typeof KINDS)[FailureKind][0];
  readonly what: string;
  readonly remedy: string;
  /** At most three, the worst first: those that are not finite, else those with the largest error. */
  readonly components: readonly Component[];
  /** Components that are not finite. */
  readonly nonFinite: number;
  /** Root mean square of the last accepted state over that of the initial one. NaN where one of them is not finite. */
  readonly growth: number;
  /** The last good state, part by part, to look at or to go on from. */
  readonly state: readonly ArrayLike<number>[];
}

/** What a headline is made of. */
type Say = (facts: FailureFacts, at: string, step: string, finite: boolean) => string;

/** By kind the code, the headline and the remedy. */
const KINDS = {
  underflow: [
    'STEP_SIZE_UNDERFLOW',
    (_, at, step) => `a step of ${step} does not move the time ${at}`,
    'loosen the tolerances, set minStep or take fixed steps; after growth suspect a singularity; in training lower the learning rate or add weight decay',
  ],
  maxSteps: [
    'MAX_STEPS',
    ({ maxSteps }, at, step) => `${count(maxSteps, 'step')} did not reach the end; the next, of ${step}, begins ${at}`,
    'loosen the tolerances, or raise maxSteps; if many were rejected or very short, see solveStiff',
  ],
  maxRejects: [
    'MAX_REJECTS',
    ({ maxRejects }, at, step) => `${count(maxRejects, 'step')} rejected in a row, the last of ${step}, ${at}`,
    'loosen the tolerances, give jumpAt where the field jumps, or raise maxRejects',
  ],
  state: [
    'NON_FINITE_STATE',
    (_, at, step, finite) => `the state is not finite ${finite ? `after a step of ${step} that begins ` : ''}${at}`,
    'look for NaN in the parameters or the initial state, or take shorter steps',
  ],
  derivative: [
    'NON_FINITE_DERIVATIVE',
    (_, at, step) => `the vector field is not finite ${at}, step ${step}`,
    'look for NaN in the parameters, for log, sqrt or division outside their domain, or take shorter steps',
  ],
  event: [
    'EVENT_NOT_BRACKETED',
    ({ because }, at) => `${because} ${at}`,
    'check its sign and direction, move t1, or take shorter steps',
  ],
  eventValue: [
    'EVENT_VALUE',
    ({ because }) => because!,
    'return a number; look for log, sqrt or division outside their domain, or take shorter steps',
  ],
} as const satisfies Readonly<Record<FailureKind, readonly [code: string, headline: Say, remedy: string]>>;

/** Puts a failure into words and numbers. `where` names the solver. */
export function report(kind: FailureKind, where: string, facts: FailureFacts, evidence: Evidence): FailureReport {
  const [code, headline, remedy]: readonly [FailureReport['code'], Say, string] = KINDS[kind];
  const { measure, state } = evidence;
  const found = worst(evidence);
  const { components, nonFinite, size } = found;
  const growth = norm(state) / norm(evidence.initial);
  const grown = Number.isFinite(growth);
  const { time, progress, stepSize, accepted, rejected, nfe, errorRatio } = facts;
  const at = `at t = ${round(time, 6)}, ${round(100 * progress, 3)}% of the interval`;
  const work = `${count(accepted, 'accepted step')}, ${rejected} rejected, ${count(nfe, 'evaluation')}`;
  const values = components.map(({ name, value }) => `${name} = ${round(value)}`);
  const sizes = components.map(({ name, size: own }) =>
    measure === 'error' ? `${name} ${round(Math.abs(own))} × tolerance` : `${measure} of ${name} ${round(own)}`,
  );
  const sections = [
    `${where}: ${headline(facts, at, round(stepSize), grown)} (${work})`,
    section('State', [
      grown && `growth ${round(growth)}-fold (rms)`,
      nonFinite > 0 && `${nonFinite} of ${count(size, 'component')} not finite`,
      values.length > 0 && `worst: ${values.join(', ')}`,
    ]),
    section('Error', [
      Number.isFinite(errorRatio) && `last estimate ${round(errorRatio!)} × tolerance`,
      sizes.join(', '),
    ]),
  ];
  return { kind, code, what: sections.filter(Boolean).join('. '), remedy, growth, state, ...facts, ...found };
}

function section(title: string, parts: readonly (string | false)[]): string {
  const said = parts.filter(Boolean).join('; ');
  return said && `${title}: ${said}`;
}

/** How many components a message names. */
const NAMED = 3;

/** The worst components, how many are not finite, and how many there are. */
function worst({ state, sizes, name, measure }: Evidence): {
  readonly components: readonly Component[];
  readonly nonFinite: number;
  readonly size: number;
} {
  const all = sizes.flatMap((part, p) => Array.from(part, (size, i) => ({ p, i, size })));
  const broken = all.filter(({ size }) => !Number.isFinite(size));
  // Zeros are not ranked, so that what is no number is all that is falsy.
  const rank = (x: number): number => Math.abs(x) || Infinity;
  const ranked = measure === 'state' ? broken : all.filter(({ size }) => size !== 0);
  // Two that are not finite have no difference: they stay in their order.
  ranked.sort((a, b) => rank(b.size) - rank(a.size) || 0);
  const components = ranked.slice(0, NAMED).map(({ p, i, size }) => ({ name: name(p, i), value: state[p]![i]!, size }));
  return { components, nonFinite: broken.length, size: all.length };
}

/** The Euclidean norm, by hypotenuses, so that squares do not overflow. */
function norm(parts: readonly ArrayLike<number>[]): number {
  return parts.flatMap((part) => Array.from(part)).reduce((total, x) => Math.hypot(total, x), 0);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function round(x: number, digits = 2): string {
  const short = Number(x.toPrecision(digits));
  const size = Math.abs(short);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? short.toExponential() : String(short);
}
