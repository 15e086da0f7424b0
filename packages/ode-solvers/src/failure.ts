/** Why a solve had to give up. */
export type FailureKind = 'underflow' | 'maxSteps' | 'maxRejects' | 'state' | 'derivative' | 'event';

/** Where a solve was when it gave up. */
export interface FailureFacts {
  /** The time of the last accepted state. */
  readonly time: number;
  /** The step that could not be taken. */
  readonly stepSize: number;
  /** The last step that was tried. */
  readonly trialStep: number;
  /** Of the last attempt; undefined with fixed steps or before the first. */
  readonly errorRatio: number | undefined;
  readonly accepted: number;
  readonly rejected: number;
  readonly nfe: number;
  /** The share of the interval that is done, 0 to 1. */
  readonly progress: number;
  readonly maxSteps: number;
  readonly maxRejects: number;
  /** What is wrong in words, where the numbers do not say it. */
  readonly because?: string | undefined;
}

/** The facts of a solve by its plan and what it has done; `at` says where it is. */
export function factsOf(
  {
    t0,
    t1,
    maxSteps,
    maxRejects = Infinity,
  }: Pick<FailureFacts, 'maxSteps'> & { t0: number; t1: number; maxRejects?: number },
  { accepted, rejected, nfe }: Pick<FailureFacts, 'accepted' | 'rejected' | 'nfe'>,
  at: Whereabouts,
): FailureFacts {
  const progress = (at.time - t0) / (t1 - t0);
  return {
    trialStep: at.stepSize,
    errorRatio: undefined,
    accepted,
    rejected,
    nfe,
    progress,
    maxSteps,
    maxRejects,
    ...at,
  };
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

/** By kind the code and the remedy. */
const KINDS = {
  underflow: [
    'STEP_SIZE_UNDERFLOW',
    'loosen the tolerances, set minStep, or take fixed steps; after large growth suspect a singularity, and in training lower the learning rate, add weight decay or use a smoother activation',
  ],
  maxSteps: [
    'MAX_STEPS',
    'raise maxSteps; if many were rejected or very short, loosen the tolerances or, if stiff, see solveStiff',
  ],
  maxRejects: ['MAX_REJECTS', 'loosen the tolerances, give jumpAt where the field jumps, or raise maxRejects'],
  state: ['NON_FINITE_STATE', 'look for NaN in the initial state and in the parameters, or take shorter steps'],
  derivative: [
    'NON_FINITE_DERIVATIVE',
    'look for NaN in the parameters, for log, sqrt or division outside their domain, or take shorter steps',
  ],
  event: [
    'EVENT_NOT_BRACKETED',
    'check its sign and direction, move t1, or lower maxStep if it may cross zero twice in a step',
  ],
} as const;

/** Puts a failure into words and numbers. `where` names the solver. */
export function report(kind: FailureKind, where: string, facts: FailureFacts, evidence: Evidence): FailureReport {
  const [code, remedy] = KINDS[kind];
  const found = worst(evidence);
  const growth = rms(evidence.state) / rms(evidence.initial);
  const { accepted, rejected, nfe } = facts;
  const work = `${count(accepted, 'accepted step')}, ${rejected} rejected, ${count(nfe, 'evaluation')}`;
  const sections = [
    `${where}: ${headline(kind, facts, growth)} (${work})`,
    stateSection(evidence, found, growth),
    errorSection(evidence, found, facts),
  ];
  return {
    kind,
    code,
    what: sections.filter(Boolean).join('. '),
    remedy,
    growth,
    state: evidence.state,
    ...facts,
    ...found,
  };
}

function headline(kind: FailureKind, facts: FailureFacts, growth: number): string {
  const { time, stepSize, progress, maxSteps, maxRejects, because } = facts;
  const at = `at t = ${round(time, 6)}, ${round(100 * progress, 3)}% of the interval`;
  const step = round(stepSize);
  return {
    underflow: `a step of ${step} does not move the time ${at}`,
    maxSteps: `${count(maxSteps, 'step')} did not reach the end; the next one, of ${step}, begins ${at}`,
    maxRejects: `${count(maxRejects, 'step')} rejected in a row, the last of ${step}, ${at}`,
    event: because!,
    state: `the state is not finite ${Number.isFinite(growth) ? `after a step of ${step} that begins ` : ''}${at}`,
    derivative: `the vector field is not finite ${at}, step ${step}`,
  }[kind];
}

/** The state's size, what of it is not finite, and its worst components. */
function stateSection({ measure }: Evidence, { components, nonFinite, size }: Findings, growth: number): string {
  const list = components.map(({ name, value, size: own }) =>
    measure !== 'state' || Object.is(value, own)
      ? `${name} = ${round(value)}`
      : `${name} = ${round(value)} (then ${round(own)})`,
  );
  return section('State', [
    Number.isFinite(growth) && `growth ${round(growth)}-fold (rms)`,
    nonFinite > 0 && `${nonFinite} of ${count(size, 'component')} not finite`,
    list.length > 0 && `worst: ${list.join(', ')}`,
  ]);
}

/** The error estimate and the components that it comes from, or their derivatives. */
function errorSection({ measure }: Evidence, { components }: Findings, { errorRatio }: FailureFacts): string {
  const list = components.map(({ name, size: own }) =>
    measure === 'error' ? `${name} ${round(Math.abs(own))} × tolerance` : `${measure} of ${name} ${round(own)}`,
  );
  return section('Error', [
    Number.isFinite(errorRatio) && `the last estimate is ${round(errorRatio!)} × tolerance`,
    measure !== 'state' && list.length > 0 && list.join(', '),
  ]);
}

function section(title: string, parts: readonly (string | false)[]): string {
  const said = parts.filter(Boolean).join('; ');
  return said && `${title}: ${said}`;
}

/** How many components a message names. */
const NAMED = 3;

interface Findings {
  readonly components: readonly Component[];
  readonly nonFinite: number;
  readonly size: number;
}

function worst({ state, sizes, name, measure }: Evidence): Findings {
  const found: Component[] = [];
  const rank = (x: number): number => (Number.isFinite(x) ? Math.abs(x) : Infinity);
  let nonFinite = 0;
  let total = 0;
  sizes.forEach((part, p) => {
    total += part.length;
    for (let i = 0; i < part.length; i++) {
      const size = part[i]!;
      if (!Number.isFinite(size)) nonFinite++;
      else if (measure === 'state') continue;
      if (rank(size) <= rank(found[NAMED - 1]?.size ?? 0)) continue;
      found.push({ name: name(p, i), value: state[p]![i]!, size });
      found.sort((a, b) => rank(b.size) - rank(a.size) || 0);
      found.splice(NAMED);
    }
  });
  return { components: found, nonFinite, size: total };
}

/** By hypotenuses, so that squares do not overflow. */
function rms(parts: readonly ArrayLike<number>[]): number {
  let norm = 0;
  let n = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) norm = Math.hypot(norm, part[i]!);
    n += part.length;
  }
  return norm / Math.sqrt(n);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function round(x: number, digits = 2): string {
  const short = Number(x.toPrecision(digits));
  const size = Math.abs(short);
  return size !== 0 && (size < 1e-3 || size >= 1e6) && size < Infinity ? short.toExponential() : String(short);
}
