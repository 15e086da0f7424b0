import type { Restart, Stats } from '../options.ts';
import type { Plan } from '../plan.ts';
import type { March } from './coroutine.ts';
import { look, valueOf, type Fired, type Watch } from './events.ts';
import { countStep } from '../stats.ts';
import type { Stepper, Trial } from './stepper.ts';
import type { StepLog } from './steps.ts';

/** How a solve ended: at `t1`, at a terminal event, or not at all. */
export type Status = 'done' | 'event' | 'failed';

/** A march under way: what is marched, by what plan, and what has come of it besides the stepper's outputs. */
export interface Journey {
  readonly stepper: Stepper;
  readonly plan: Plan;
  readonly steps: StepLog;
  readonly watch: Watch;
  /** What `pauses` gave, where there is a signal. */
  readonly pause: (() => March<void>) | undefined;
  readonly stats: Stats;
  /** The times of the stepper's outputs. */
  readonly times: number[];
  readonly events: Fired[];
  status: Status;
  failure?: Error | undefined;
  /** Up to here the solution is known. */
  reached: number;
  next?: Restart;
}

/** A march that has ended. */
export interface Journeyed extends Readonly<Journey> {
  readonly next: Restart;
}

/** Outputs and the values of events at t0. */
export function* begin(journey: Journey): March<void> {
  const { stepper, plan, times, watch } = journey;
  for (const time of plan.times) {
    if (time !== plan.t0) break;
    stepper.output();
    times.push(time);
  }
  for (let i = 0; i < plan.events.length; i++) {
    const value = yield* valueOf(journey, i, plan.t0, 0);
    watch[i] = { value, closest: Math.abs(value) };
  }
}

const NONE: readonly number[] = [];

/** The times of outputs up to `end` that are still to come. */
export function inside({ times: { length: from }, plan }: Journey, end: number): readonly number[] {
  const { times, direction, everyStep, t1 } = plan;
  if (everyStep) return [(t1 - end) * direction > 0 ? end : t1];
  let i = from;
  while (i < times.length && (times[i]! - end) * direction <= 0) i++;
  return i === from ? NONE : times.slice(from, i);
}

/** Makes a trial step the next step. */
export function take(journey: Journey, { t, dt, end, times }: Trial): void {
  const { stepper, plan, steps, stats } = journey;
  stepper.accept();
  const beyond = (end - plan.t1) * plan.direction > 0;
  steps.add(t, dt);
  if (beyond) steps.amend({ until: plan.t1 });
  if (times.length > 0) journey.times.push(...times);
  journey.reached = beyond ? plan.t1 : end;
  countStep(stats, dt);
}

/** Makes a trial step the next step, up to the terminal event that may lie in it. */
export function* takeToEvent(journey: Journey, trial: Trial): March<void> {
  const { stepper, plan, steps } = journey;
  const zero = yield* look(journey, trial);
  if (!zero) return take(journey, trial);
  const until = zero.time;
  const kept = trial.times.filter((time) => (time - until) * plan.direction < 0);
  stepper.cut(kept.length, zero.theta);
  take(journey, { ...trial, times: [...kept, until] });
  steps.amend({ until });
  journey.status = 'event';
  journey.reached = until;
}

/** A signal can only fire, and a page only repaint, when the event loop turns: after so many milliseconds it does. */
const PATIENCE = 50;

/** Checks for an abort before each step, and lets the event loop turn now and then so that there can be one. */
export function pauses(signal: AbortSignal): () => March<void> {
  let before = performance.now();
  return function* () {
    signal.throwIfAborted();
    if (performance.now() - before < PATIENCE) return;
    yield new Promise((resolve) => setTimeout(resolve));
    before = performance.now();
  };
}
