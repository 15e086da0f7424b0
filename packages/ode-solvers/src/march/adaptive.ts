import type { FailureKind } from '../failure.ts';
import type { Restart } from '../options.ts';
import { wait, type March, type Wait } from './coroutine.ts';
import { accepts, firstStep, probeStep, stepFactor } from './control.ts';
import { failed } from './failed.ts';
import { inside, take, takeToEvent, type Journey } from './journey.ts';
import type { Trial } from './stepper.ts';

/** The step that is being tried. One object for all of them, as a new one would cost as much as a short step's arithmetic. */
type Attempt = { -readonly [K in keyof Trial]: Trial[K] } & {
  /** The error ratio of the last attempt. */
  ratio: number | undefined;
  /** Where the next step begins if this one is accepted, unless the field jumps there. */
  until: number;
  /** The next of the plan's stops. */
  stop: number;
  /** Rejected steps in a row. */
  rejects: number;
};

/**
 * Steps whose size follows the error estimate. The generator does what may have to wait, and leaves the steps that need not to a
 * function, which is compiled to faster code: on plain arrays a step takes less than a microsecond.
 */
export function* adaptiveSteps(journey: Journey): March<void> {
  const { stepper, plan } = journey;
  const { t0, direction, firstErrors } = plan;
  const t = plan.jumps.has(t0) ? beside(t0, direction) : t0;
  journey.next = { t0: t, firstStep: plan.firstStep ?? (yield* chooseFirstStep(journey)), firstErrors };
  // The rest is written before it is read.
  const attempt = { estimate: true, stop: 0, rejects: 0 } as Attempt;
  for (;;) {
    if (journey.pause) yield* journey.pause();
    const halt = stride(journey, attempt);
    if (halt === undefined) return;
    // Non-finite numbers at the state itself are final. Otherwise they come from a step too long, and a shorter one may do.
    const fault =
      typeof halt === 'string'
        ? halt
        : !((attempt.ratio = yield* wait(halt)) < Infinity) &&
          ((yield* wait(stepper.fault(attempt.t))) ?? (attempt.forced && 'derivative'));
    if (fault)
      throw yield* failed(journey, fault, { time: attempt.t, stepSize: attempt.dt, errorRatio: attempt.ratio });
    if (accepts(attempt, attempt.ratio!)) yield* takeToEvent(journey, attempt);
  }
}

/**
 * Draws the conclusions from the last attempt, whose step has been taken if it was good enough, and goes on as long as nobody has to
 * wait or be asked. Gives the error ratio of an attempt that it leaves to others, or why there cannot be one.
 */
function stride(journey: Journey, attempt: Attempt): Wait<number> | FailureKind | undefined {
  const { stepper, plan, stats } = journey;
  const { t1, direction, solver, minStep, stops, jumps, onStep } = plan;
  const alone = plan.events.length === 0 && !journey.pause;
  let { ratio } = attempt;
  let { t0: t, firstStep: size, firstErrors: earlier } = journey.next as Restart & { readonly firstStep: number };
  let halt: Wait<number> | FailureKind | undefined;
  for (;;) {
    if (ratio !== undefined) {
      const accepted = accepts(attempt, ratio);
      const wish = size;
      size = Math.abs(attempt.dt) * stepFactor(ratio, solver.order, plan, earlier);
      if (accepted) {
        attempt.rejects = 0;
        if (plan.pid) earlier = [ratio, ...earlier.slice(0, 1)];
        t = attempt.until;
        if (t === stops[attempt.stop]) {
          attempt.stop++;
          size = Math.max(size, wish); // The step was short for the sake of the time, not of the error.
          if (jumps.has(t)) {
            t = beside(t, direction);
            stepper.forget();
            if (journey.status === 'done') journey.steps.amend({ end: attempt.end });
          }
        }
      } else {
        stepper.reject();
        stats.rejected++;
        attempt.rejects++;
      }
      if (onStep) onStep({ t: attempt.t, dt: attempt.dt, accepted, errorRatio: ratio, nfe: stepper.nfe });
    }
    halt = undefined;
    if ((t1 - t) * direction <= 0 || journey.status !== 'done') break;
    const limit = stops[attempt.stop];
    if (stepper.glide) [t, size, ratio, halt] = stepper.glide(journey, t, size, ratio, limit);
    size = Math.min(Math.max(size, minStep), plan.maxStep);
    let dt = direction * size;
    let until = t + dt;
    // A rest shorter than a billionth of the step is not worth a step of its own.
    const clipped = limit !== undefined && (until - limit) * direction > -1e-9 * size;
    if (clipped) [until, dt] = [limit, limit - t];
    attempt.t = t;
    attempt.until = until;
    attempt.dt = dt;
    attempt.end = clipped && jumps.has(until) ? beside(until, -direction) : until;
    attempt.times = inside(journey, until);
    attempt.forced = size <= minStep;
    attempt.last = (t1 - until) * direction <= 0;
    if (until === t) halt = (ratio ?? 0) < Infinity ? 'underflow' : 'derivative';
    else if (stats.accepted + stats.rejected >= plan.maxSteps) halt = 'maxSteps';
    else if (attempt.rejects >= plan.maxRejects) halt = 'maxRejects';
    else {
      halt ??= stepper.trial(attempt);
      if (alone && typeof halt === 'number' && halt < Infinity) {
        ratio = halt;
        if (accepts(attempt, ratio)) take(journey, attempt);
        continue;
      }
    }
    break;
  }
  attempt.ratio = ratio;
  if (halt === undefined) t = journey.status === 'event' ? journey.reached : t1;
  journey.next = { t0: t, firstStep: size, firstErrors: earlier };
  return halt;
}

/** The floating-point number next to `t`, or one close to it. */
function beside(t: number, direction: number): number {
  return t + direction * Math.max(Math.abs(t) * 2 ** -52, 2 ** -1022);
}

/** The first step's length from the sizes of the state and its first two derivatives. */
function* chooseFirstStep(journey: Journey): March<number> {
  const { stepper, plan } = journey;
  const { t0, direction, solver } = plan;
  const d0 = yield* wait(stepper.size());
  const d1 = yield* wait(stepper.slope(t0));
  const probe = probeStep(d0, d1);
  const stepSize = direction * probe;
  if (!(d0 + d1 < Infinity)) {
    const fault = yield* wait(stepper.fault(t0));
    if (fault) throw yield* failed(journey, fault, { time: t0, stepSize });
  }
  const d2 = (yield* wait(stepper.bend(t0, stepSize))) / probe;
  return firstStep(probe, d1, d2, solver.order);
}
