import { firstStep, probeStep, stepFactor } from './control.ts';
import type { FailureFacts, FailureKind } from './failure.ts';
import type { Plan, Stats, Step } from './options.ts';

/** A value now, or later where a backend computes asynchronously. */
export type Wait<T> = T | Promise<T>;

/** One state that can be stepped: of tensors, or of plain arrays. */
export interface Stepper {
  /** Function evaluations so far. */
  readonly nfe: number;
  /** The outputs so far, in the order of the plan's times. */
  readonly outputs: readonly unknown[];
  /** Scaled norms of the state and of its derivative. */
  norms(t: number): Wait<readonly [d0: number, d1: number]>;
  /** Scaled norm of the second derivative, from an Euler step of the signed length `h`. */
  curvature(t: number, h: number): Wait<number>;
  /** Keeps a copy of the state as an output. */
  output(): void;
  /** Tries a step, with the outputs at the times inside it; gives the error ratio, or 0 where none was asked for. */
  trial(trial: Trial): Wait<number>;
  /** Whether the state at the end of the trial step is finite. */
  isFinite(): Wait<boolean>;
  /** Makes the end of the trial step the state. */
  accept(): void;
  reject(): void;
  /** What is wrong with the state or its derivative, if that is where a non-finite number comes from. */
  fault(t: number): Wait<'state' | 'derivative' | undefined>;
  /** Back to the initial state. */
  restart(): void;
  failure(kind: FailureKind, facts: FailureFacts): Wait<Error>;
}

export interface Trial {
  readonly t: number;
  readonly dt: number;
  /** t + dt, or exactly the time that the step was shortened to. */
  readonly end: number;
  /** Times of outputs in (t, end], or [end, t) backwards. */
  readonly times: readonly number[];
  readonly estimate: boolean;
  /** The step will be accepted whatever its finite error. */
  readonly forced: boolean;
  /** No step follows this one. */
  readonly last: boolean;
}

/** What a march leaves behind, besides the stepper's outputs. */
export interface Journey {
  readonly grid: Step[];
  readonly stats: Stats;
}

/** A computation that hands out what it must wait for. It never does on plain arrays, nor on backends that compute at once. */
export type March<T> = Generator<Promise<unknown>, T, unknown>;

/** Runs a march that never has to wait. */
export function runSync<T>(march: March<T>): T {
  const { done, value } = march.next();
  if (!done) throw new Error('a synchronous march had to wait');
  return value;
}

/** Runs a march, waiting where it must. */
export async function run<T>(march: March<T>): Promise<T> {
  let turn = march.next();
  while (!turn.done) {
    turn = await turn.value.then(
      (value) => march.next(value),
      (error: unknown) => march.throw(error),
    );
  }
  return turn.value;
}

function* wait<T>(value: Wait<T>): March<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}

/** A signal can only fire, and a page only repaint, when the event loop turns: after so many milliseconds it does. */
const PATIENCE = 50;

/** Takes a stepper from t0 to t1, by fixed or by adaptive steps. All that decides about steps is here. */
export function* march(stepper: Stepper, plan: Plan): March<Journey> {
  const stats: Stats = { accepted: 0, rejected: 0, nfe: 0, nfeBackward: 0, dtMin: Infinity, dtMax: 0 };
  const journey: Journey = { grid: [], stats };
  for (const time of plan.times) if (time === plan.t0) stepper.output();
  if (plan.grid) yield* fixed(stepper, plan, plan.grid, journey);
  else if (plan.t0 !== plan.t1) yield* adaptive(stepper, plan, journey);
  stats.nfe = stepper.nfe;
  if (stats.accepted === 0) stats.dtMin = 0;
  return journey;
}

function* fixed(stepper: Stepper, plan: Plan, grid: readonly number[], journey: Journey): March<void> {
  const pause = pauses(plan);
  for (let i = 1; i < grid.length; i++) {
    yield* pause();
    const trial = fixedTrial(grid, i, inside(stepper, plan, grid[i]!));
    yield* wait(stepper.trial(trial));
    if (trial.last && !(yield* wait(stepper.isFinite()))) throw yield* findFault(stepper, plan, grid, journey);
    stepper.accept();
    record(journey, trial, plan);
    plan.onStep?.({ t: trial.t, dt: trial.dt, accepted: true, errorRatio: undefined, nfe: stepper.nfe });
  }
}

function fixedTrial(grid: readonly number[], i: number, times: readonly number[]): Trial {
  const [t, end] = [grid[i - 1]!, grid[i]!];
  return { t, dt: end - t, end, times, estimate: false, forced: true, last: i === grid.length - 1 };
}

/** Fixed steps are checked only at the end. When that fails, they are taken again with a check after each. */
function* findFault(stepper: Stepper, plan: Plan, grid: readonly number[], journey: Journey): March<Error> {
  const { nfe } = stepper;
  stepper.restart();
  for (let i = 1; ; i++) {
    const trial = fixedTrial(grid, i, []);
    yield* wait(stepper.trial(trial));
    if (trial.last || !(yield* wait(stepper.isFinite()))) {
      const kind = (yield* wait(stepper.fault(trial.t))) ?? 'state';
      journey.stats.accepted = i - 1;
      const at = facts(stepper, plan, journey, trial.t, trial.dt);
      return yield* wait(stepper.failure(kind, { ...at, nfe }));
    }
    stepper.accept();
  }
}

function facts(
  { nfe }: Stepper,
  { t0, t1, maxSteps }: Plan,
  { stats: { accepted, rejected } }: Journey,
  time: number,
  stepSize: number,
  trialStep = stepSize,
  errorRatio?: number,
): FailureFacts {
  const progress = (time - t0) / (t1 - t0);
  return { time, stepSize, trialStep, errorRatio, accepted, rejected, nfe, progress, maxSteps };
}

function* adaptive(stepper: Stepper, plan: Plan, journey: Journey): March<void> {
  const { t1, direction, control, solver, minStep, maxStep, stops } = plan;
  const { stats } = journey;
  const pause = pauses(plan);
  let t = plan.t0;
  let errorRatio: number | undefined;
  let nonFinite = false;
  let trialStep = 0;
  const failure = (kind: FailureKind, dt: number): March<Error> =>
    wait(stepper.failure(kind, facts(stepper, plan, journey, t, dt, trialStep || dt, errorRatio)));
  let size = plan.firstStep ?? (yield* chooseFirstStep(stepper, plan, failure));
  let stop = 0;
  while ((t1 - t) * direction > 0) {
    yield* pause();
    const wish = Math.min(Math.max(size, minStep), maxStep);
    let end = t + direction * wish;
    let dt = direction * wish;
    const limit = stops[stop];
    // A rest shorter than a billionth of the step is not worth a step of its own.
    const clipped = limit !== undefined && (end - limit) * direction > -1e-9 * wish;
    if (clipped) [end, dt] = [limit, limit - t];
    if (end === t) throw yield* failure(nonFinite ? 'derivative' : 'underflow', dt);
    if (stats.accepted + stats.rejected >= plan.maxSteps) throw yield* failure('maxSteps', dt);

    const forced = wish <= minStep;
    const last = (t1 - end) * direction <= 0;
    trialStep = dt;
    const ratio = yield* wait(
      stepper.trial({ t, dt, end, times: inside(stepper, plan, end), estimate: true, forced, last }),
    );
    errorRatio = ratio;
    nonFinite = !(ratio < Infinity);
    // Non-finite numbers at the state itself are final. Otherwise they come from a step too long, and a shorter one may do.
    const fault = nonFinite ? yield* wait(stepper.fault(t)) : undefined;
    if (fault) throw yield* failure(fault, dt);
    if (nonFinite && forced) throw yield* failure('derivative', dt);
    const accepted = ratio <= 1 || (forced && !nonFinite);
    const from = t;
    const factor = nonFinite ? control.minFactor : stepFactor(ratio, solver.order, control);
    size = Math.abs(dt) * factor;
    if (accepted) {
      stepper.accept();
      record(journey, { t, dt, end }, plan);
      t = end;
      if (clipped) {
        stop++;
        size = Math.max(size, wish); // The step was short for the sake of the time, not of the error.
      }
    } else {
      stepper.reject();
      stats.rejected++;
    }
    plan.onStep?.({ t: from, dt, accepted, errorRatio: ratio, nfe: stepper.nfe });
  }
}

/** The first step's length from the sizes of the state and its first two derivatives. */
function* chooseFirstStep(
  stepper: Stepper,
  { t0, direction, solver }: Plan,
  failure: (kind: FailureKind, dt: number) => March<Error>,
): March<number> {
  const [d0, d1] = yield* wait(stepper.norms(t0));
  if (!(d0 + d1 < Infinity)) {
    const fault = yield* wait(stepper.fault(t0));
    if (fault) throw yield* failure(fault, direction * probeStep(d0, d1));
  }
  const probe = probeStep(d0, d1);
  return firstStep(probe, d1, yield* wait(stepper.curvature(t0, direction * probe)), solver.order);
}

function record({ grid, stats }: Journey, { t, dt, end }: Pick<Trial, 't' | 'dt' | 'end'>, plan: Plan): void {
  grid.push((end - plan.t1) * plan.direction > 0 ? { t, dt, until: plan.t1 } : { t, dt });
  stats.accepted++;
  stats.dtMin = Math.min(stats.dtMin, Math.abs(dt));
  stats.dtMax = Math.max(stats.dtMax, Math.abs(dt));
}

/** The times of outputs up to `end` that are still to come. */
function inside({ outputs }: Stepper, { times, direction }: Plan, end: number): readonly number[] {
  let i = outputs.length;
  while (i < times.length && (times[i]! - end) * direction <= 0) i++;
  return times.slice(outputs.length, i);
}

/** Checks for an abort before each step, and lets the event loop turn now and then so that there can be one. */
function pauses({ signal }: Plan): () => March<void> {
  let before = performance.now();
  return function* () {
    signal?.throwIfAborted();
    if (!signal || performance.now() - before < PATIENCE) return;
    yield new Promise((resolve) => setTimeout(resolve, 0));
    before = performance.now();
  };
}
