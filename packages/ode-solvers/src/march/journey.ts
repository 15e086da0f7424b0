import { factsOf, type FailureKind, type Whereabouts } from '../failure.ts';
import type { Restart, Stats } from '../options.ts';
import type { Plan } from '../plan.ts';
import { wait, type March } from './coroutine.ts';
import type { Fired, Watch } from './events.ts';
import { countStep } from '../stats.ts';
import type { Stepper, Trial } from './stepper.ts';
import type { StepLog } from './steps.ts';

/** How a solve ended: at `t1`, at a terminal event, or not at all. */
export type Status = 'done' | 'event' | 'failed';

/** What a march leaves behind, besides the stepper's outputs. */
export interface Journey {
  readonly steps: StepLog;
  readonly stats: Stats;
  /** The times of the stepper's outputs. */
  readonly times: number[];
  readonly events: Fired[];
  status: Status;
  failure: Error | undefined;
  /** Up to here the solution is known. */
  reached: number;
  next: Restart;
}

/** A march under way: what is marched, by what plan, and what has come of it. */
export interface Trek {
  readonly stepper: Stepper;
  readonly plan: Plan;
  readonly journey: Journey;
  readonly watch: Watch;
}

/** Carries the error of a failed solve past what may be returned instead. */
export class Failed extends Error {
  readonly error: Error;

  constructor(error: Error) {
    super();
    this.error = error;
  }
}

/** The error of a solve that cannot go on from `time`. */
export function* failed({ stepper, plan, journey }: Trek, kind: FailureKind, at: Whereabouts): March<Failed> {
  const facts = factsOf(plan, { ...journey.stats, nfe: stepper.nfe }, at);
  return new Failed(yield* wait(stepper.failure(kind, facts)));
}

/** Outputs at t0. */
export function begin({ stepper, plan: { times, t0 }, journey }: Trek): void {
  for (const time of times) {
    if (time !== t0) return;
    stepper.output();
    journey.times.push(time);
  }
}

const NONE: readonly number[] = [];

/** The times of outputs up to `end` that are still to come. */
export function inside({ times: { length: from } }: Journey, plan: Plan, end: number): readonly number[] {
  const { times, direction, everyStep, t1 } = plan;
  if (everyStep) return [(t1 - end) * direction > 0 ? end : t1];
  let i = from;
  while (i < times.length && (times[i]! - end) * direction <= 0) i++;
  return i === from ? NONE : times.slice(from, i);
}

/** Makes a trial step the next step. */
export function take({ stepper, plan, journey }: Trek, trial: Trial): void {
  stepper.accept();
  const { t, dt, end, times } = trial;
  const { steps, stats } = journey;
  const beyond = (end - plan.t1) * plan.direction > 0;
  steps.add(t, dt);
  if (beyond) steps.amend({ until: plan.t1 });
  if (times.length > 0) journey.times.push(...times);
  journey.reached = beyond ? plan.t1 : end;
  countStep(stats, dt);
}

/** Makes a trial step the next step, up to the terminal event that may lie in it. */
export function* takeToEvent(trek: Trek, trial: Trial): March<void> {
  const { stepper, plan, journey, watch } = trek;
  const { t, dt, end, times } = trial;
  const stop = yield* watch.step(trial);
  if (stop === undefined) return take(trek, trial);
  const kept = times.filter((time) => (time - stop) * plan.direction < 0);
  stepper.cut(kept.length, stop === end ? 1 : (stop - t) / dt);
  take(trek, { ...trial, times: [...kept, stop] });
  journey.steps.amend({ until: stop });
  Object.assign(journey, { status: 'event', reached: stop });
}

/** A signal can only fire, and a page only repaint, when the event loop turns: after so many milliseconds it does. */
const PATIENCE = 50;

/** Checks for an abort before each step, and lets the event loop turn now and then so that there can be one. */
export function pauses(signal: AbortSignal): () => March<void> {
  let before = performance.now();
  return function* () {
    signal.throwIfAborted();
    if (performance.now() - before < PATIENCE) return;
    yield new Promise((resolve) => setTimeout(resolve, 0));
    before = performance.now();
  };
}
