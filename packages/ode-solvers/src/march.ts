import { firstStep, probeStep, stepFactor } from './control.ts';
import { Watch, type Fired } from './events.ts';
import type { FailureFacts, FailureKind } from './failure.ts';
import type { Plan, Stats, Step } from './options.ts';

/** A value now, or later where a backend computes asynchronously. */
export type Wait<T> = T | Promise<T>;

/** One state that can be stepped: of tensors, or of plain arrays. */
export interface Stepper {
  /** Function evaluations so far. */
  readonly nfe: number;
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
  /** Of the trial step's outputs keeps the first `count`, and adds the state at t + θ dt. */
  cut(count: number, theta: number): void;
  /** Forgets the derivative at the state: the field jumps here. */
  forget(): void;
  /** The value of an event at t + θ dt of the trial step, or with θ = 0 at the state. */
  event(index: number, time: number, theta: number): Wait<number>;
  /** Keeps the state at t + θ dt of the trial step: an event fired there. */
  mark(theta: number): void;
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
  /** Keep the stages, for events and the dense solution. */
  readonly keep: boolean;
}

/** How a solve ended: at `t1`, at a terminal event, or not at all. */
export type Status = 'done' | 'event' | 'failed';

/** What a march leaves behind, besides the stepper's outputs. */
export interface Journey {
  grid: Step[];
  readonly stats: Stats;
  /** The times of the stepper's outputs. */
  times: number[];
  readonly events: Fired[];
  status: Status;
  failure: Error | undefined;
  /** Up to here the solution is known. */
  reached: number;
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

export function* wait<T>(value: Wait<T>): March<T> {
  return value instanceof Promise ? ((yield value) as T) : value;
}

/** A signal can only fire, and a page only repaint, when the event loop turns: after so many milliseconds it does. */
const PATIENCE = 50;

/** Carries the error of a failed solve past what may be returned instead. */
class Failed extends Error {
  readonly error: Error;

  constructor(error: Error) {
    super(error.message);
    this.error = error;
  }
}

/** Takes a stepper from t0 to t1, by fixed or by adaptive steps. All that decides about steps is here. */
export function* march(stepper: Stepper, plan: Plan): March<Journey> {
  const stats: Stats = { accepted: 0, rejected: 0, nfe: 0, nfeBackward: 0, dtMin: Infinity, dtMax: 0 };
  const journey: Journey = {
    grid: [],
    stats,
    times: [],
    events: [],
    status: 'done',
    failure: undefined,
    reached: plan.t0,
  };
  const watch = new Watch(stepper, plan, journey.events);
  try {
    begin(stepper, plan, journey);
    yield* watch.begin(plan.t0);
    if (plan.grid) yield* fixed(stepper, plan, plan.grid, journey, watch);
    else if (plan.t0 !== plan.t1) yield* adaptive(stepper, plan, journey, watch);
    const because = journey.status === 'done' ? watch.missing() : undefined;
    if (because) {
      const at = facts(stepper, plan, journey, journey.reached, 0);
      throw new Failed(yield* wait(stepper.failure('event', { ...at, because })));
    }
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    if (plan.onFailure === 'throw') throw error.error;
    Object.assign(journey, { status: 'failed', failure: error.error });
    stepper.output();
    journey.times.push(journey.reached);
  }
  stats.nfe = stepper.nfe;
  if (stats.accepted === 0) stats.dtMin = 0;
  return journey;
}

/** Outputs at t0. */
function begin(stepper: Stepper, { times, t0, t1, everyStep }: Plan, journey: Journey): void {
  for (const time of everyStep ? [t0, ...(t0 === t1 ? [t1] : [])] : times) {
    if (time !== t0) continue;
    stepper.output();
    journey.times.push(time);
  }
}

function* fixed(stepper: Stepper, plan: Plan, grid: readonly number[], journey: Journey, watch: Watch): March<void> {
  const pause = pauses(plan);
  for (let i = 1; i < grid.length && journey.status === 'done'; i++) {
    yield* pause();
    const trial = fixedTrial(grid, i, inside(journey, plan, grid[i]!), plan);
    yield* wait(stepper.trial(trial));
    if (trial.last && !(yield* wait(stepper.isFinite()))) yield* findFault(stepper, plan, grid, journey);
    yield* take(stepper, plan, journey, watch, trial);
    plan.onStep?.({ t: trial.t, dt: trial.dt, accepted: true, errorRatio: undefined, nfe: stepper.nfe });
  }
}

function fixedTrial(grid: readonly number[], i: number, times: readonly number[], plan: Plan): Trial {
  const [t, end] = [grid[i - 1]!, grid[i]!];
  return { t, dt: end - t, end, times, estimate: false, forced: true, last: i === grid.length - 1, keep: keeps(plan) };
}

const keeps = ({ dense, events }: Plan): boolean => dense || events.length > 0;

/** Fixed steps are checked only at the end. When that fails, they are taken again with a check after each. */
function* findFault(stepper: Stepper, plan: Plan, grid: readonly number[], journey: Journey): March<never> {
  const { nfe } = stepper;
  stepper.restart();
  Object.assign(journey, { grid: [], times: [] });
  begin(stepper, plan, journey);
  journey.stats.accepted = 0;
  for (let i = 1; ; i++) {
    const trial = fixedTrial(grid, i, inside(journey, plan, grid[i]!), plan);
    yield* wait(stepper.trial(trial));
    if (trial.last || !(yield* wait(stepper.isFinite()))) {
      const kind = (yield* wait(stepper.fault(trial.t))) ?? 'state';
      const at = facts(stepper, plan, journey, trial.t, trial.dt);
      throw new Failed(yield* wait(stepper.failure(kind, { ...at, nfe })));
    }
    stepper.accept();
    record(journey, trial, plan);
  }
}

/** Makes a trial step the next step, up to the terminal event that may lie in it. */
function* take(stepper: Stepper, plan: Plan, journey: Journey, watch: Watch, trial: Trial): March<void> {
  const { t, dt, times } = trial;
  const stop = plan.events.length > 0 ? yield* watch.step(trial) : undefined;
  if (stop === undefined) {
    stepper.accept();
    record(journey, trial, plan);
    return;
  }
  const kept = times.filter((time) => (time - stop) * plan.direction < 0);
  stepper.cut(kept.length, stop === trial.end ? 1 : (stop - t) / dt);
  stepper.accept();
  record(journey, { ...trial, times: [...kept, stop] }, plan);
  journey.grid.push({ ...journey.grid.pop()!, until: stop });
  Object.assign(journey, { status: 'event', reached: stop });
}

function facts(
  { nfe }: Stepper,
  { t0, t1, maxSteps, maxRejects }: Plan,
  { stats: { accepted, rejected } }: Journey,
  time: number,
  stepSize: number,
  trialStep = stepSize,
  errorRatio?: number,
): FailureFacts {
  const progress = (time - t0) / (t1 - t0);
  return { time, stepSize, trialStep, errorRatio, accepted, rejected, nfe, progress, maxSteps, maxRejects };
}

function* adaptive(stepper: Stepper, plan: Plan, journey: Journey, watch: Watch): March<void> {
  const { t1, direction, control, solver, minStep, maxStep, stops, jumps } = plan;
  const { stats } = journey;
  const pause = pauses(plan);
  let t = plan.t0;
  let errorRatio: number | undefined;
  /** The error ratios of the last accepted steps, the latest first. */
  let earlier: number[] = [];
  let nonFinite = false;
  let trialStep = 0;
  let rejects = 0;
  const failure = function* (kind: FailureKind, dt: number): March<Failed> {
    const at = facts(stepper, plan, journey, t, dt, trialStep || dt, errorRatio);
    return new Failed(yield* wait(stepper.failure(kind, at)));
  };
  if (jumps.has(t)) t = beside(t, direction);
  let size = plan.firstStep ?? (yield* chooseFirstStep(stepper, plan, failure));
  let stop = 0;
  while ((t1 - t) * direction > 0 && journey.status === 'done') {
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
    if (rejects >= plan.maxRejects) throw yield* failure('maxRejects', dt);

    const forced = wish <= minStep;
    const last = (t1 - end) * direction <= 0;
    const jump = clipped && jumps.has(limit);
    trialStep = dt;
    const times = inside(journey, plan, end);
    const trial: Trial = {
      ...{ t, dt, times, estimate: true, forced, last, keep: keeps(plan) },
      end: jump ? beside(end, -direction) : end,
    };
    const ratio = yield* wait(stepper.trial(trial));
    errorRatio = ratio;
    nonFinite = !(ratio < Infinity);
    // Non-finite numbers at the state itself are final. Otherwise they come from a step too long, and a shorter one may do.
    const fault = nonFinite ? yield* wait(stepper.fault(t)) : undefined;
    if (fault) throw yield* failure(fault, dt);
    if (nonFinite && forced) throw yield* failure('derivative', dt);
    const accepted = ratio <= 1 || (forced && !nonFinite);
    const from = t;
    const factor = nonFinite ? control.minFactor : stepFactor(ratio, solver.order, control, earlier);
    size = Math.abs(dt) * factor;
    if (accepted) {
      rejects = 0;
      earlier = [ratio, ...earlier.slice(0, 1)];
      yield* take(stepper, plan, journey, watch, trial);
      t = end;
      if (clipped) {
        stop++;
        size = Math.max(size, wish); // The step was short for the sake of the time, not of the error.
      }
      if (jump) {
        t = beside(end, direction);
        stepper.forget();
        if (journey.status === 'done') journey.grid.push({ ...journey.grid.pop()!, end: trial.end });
      }
    } else {
      stepper.reject();
      stats.rejected++;
      rejects++;
    }
    plan.onStep?.({ t: from, dt, accepted, errorRatio: ratio, nfe: stepper.nfe });
  }
}

/** The floating-point number next to `t`, or one close to it. */
function beside(t: number, direction: number): number {
  return t + direction * Math.max(Math.abs(t) * 2 ** -52, 2 ** -1022);
}

/** The first step's length from the sizes of the state and its first two derivatives. */
function* chooseFirstStep(
  stepper: Stepper,
  { t0, direction, solver }: Plan,
  failure: (kind: FailureKind, dt: number) => March<Failed>,
): March<number> {
  const [d0, d1] = yield* wait(stepper.norms(t0));
  if (!(d0 + d1 < Infinity)) {
    const fault = yield* wait(stepper.fault(t0));
    if (fault) throw yield* failure(fault, direction * probeStep(d0, d1));
  }
  const probe = probeStep(d0, d1);
  return firstStep(probe, d1, yield* wait(stepper.curvature(t0, direction * probe)), solver.order);
}

function record(journey: Journey, { t, dt, end, times }: Trial, plan: Plan): void {
  const { grid, stats } = journey;
  grid.push((end - plan.t1) * plan.direction > 0 ? { t, dt, until: plan.t1 } : { t, dt });
  journey.times.push(...times);
  journey.reached = (end - plan.t1) * plan.direction > 0 ? plan.t1 : end;
  stats.accepted++;
  stats.dtMin = Math.min(stats.dtMin, Math.abs(dt));
  stats.dtMax = Math.max(stats.dtMax, Math.abs(dt));
}

/** The times of outputs up to `end` that are still to come. */
function inside(journey: Journey, { times, direction, everyStep, t1 }: Plan, end: number): readonly number[] {
  if (everyStep) return [(t1 - end) * direction > 0 ? end : t1];
  const from = journey.times.length;
  let i = from;
  while (i < times.length && (times[i]! - end) * direction <= 0) i++;
  return times.slice(from, i);
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
