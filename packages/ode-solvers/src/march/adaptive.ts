import { wait, type March } from './coroutine.ts';
import { firstStep, probeStep, stepFactor } from './control.ts';
import { failed, inside, pauses, take, takeToEvent, type Journey } from './journey.ts';
import type { Trial } from './stepper.ts';

/**
 * Steps whose size follows the error estimate. The loop is also that of plain arrays, where a step takes less than a
 * microsecond: what may have to wait is asked for in place, and what is rarely needed is called only when it is.
 */
export function* adaptiveSteps(journey: Journey): March<void> {
  const { stepper, plan, stats } = journey;
  const { t1, direction, solver, minStep, maxStep, maxSteps, maxRejects, stops, jumps, keep, onStep } = plan;
  const { order } = solver;
  const watched = plan.events.length > 0;
  const pause = plan.signal && pauses(plan.signal);
  let t = plan.t0;
  let ratio: number | undefined;
  /** The error ratios of the last accepted steps, the latest first. */
  let earlier = plan.firstErrors;
  let nonFinite = false;
  let rejects = 0;
  if (jumps.has(t)) t = beside(t, direction);
  let size = plan.firstStep ?? (yield* chooseFirstStep(journey));
  let stop = 0;
  // One object for all trials, as a new one would cost as much as a short step's arithmetic.
  const trial: { -readonly [K in keyof Trial]: Trial[K] } = {
    t,
    dt: 0,
    end: t,
    times: [],
    estimate: true,
    forced: false,
    last: false,
    keep,
  };
  try {
    while ((t1 - t) * direction > 0 && journey.status === 'done') {
      if (pause) yield* pause();
      const wish = Math.min(Math.max(size, minStep), maxStep);
      let end = t + direction * wish;
      let dt = direction * wish;
      const limit = stops[stop];
      // A rest shorter than a billionth of the step is not worth a step of its own.
      const clipped = limit !== undefined && (end - limit) * direction > -1e-9 * wish;
      if (clipped) [end, dt] = [limit, limit - t];
      const limited = stats.accepted + stats.rejected >= maxSteps ? 'maxSteps' : rejects >= maxRejects && 'maxRejects';
      const stuck = end !== t ? limited : nonFinite ? 'derivative' : 'underflow';
      if (stuck) throw yield* failed(journey, stuck, { time: t, stepSize: dt, errorRatio: ratio });

      const forced = wish <= minStep;
      const jump = clipped && jumps.has(limit);
      const until = jump ? beside(end, -direction) : end;
      trial.t = t;
      trial.dt = dt;
      trial.end = until;
      trial.times = inside(journey, end);
      trial.forced = forced;
      trial.last = (t1 - end) * direction <= 0;
      const tried = stepper.trial(trial);
      ratio = typeof tried === 'number' ? tried : ((yield tried) as number);
      nonFinite = !(ratio < Infinity);
      if (nonFinite) {
        // Non-finite numbers at the state itself are final. Otherwise they come from a step too long, and a shorter one may do.
        const fault = (yield* wait(stepper.fault(t))) ?? (forced && 'derivative');
        if (fault) throw yield* failed(journey, fault, { time: t, stepSize: dt, errorRatio: ratio });
      }
      const accepted = ratio <= 1 || (forced && !nonFinite);
      const from = t;
      size = Math.abs(dt) * (nonFinite ? plan.minFactor : stepFactor(ratio, order, plan, earlier));
      if (accepted) {
        rejects = 0;
        if (plan.pid) earlier = [ratio, ...earlier.slice(0, 1)];
        if (watched) yield* takeToEvent(journey, trial);
        else take(journey, trial);
        t = end;
        if (clipped) {
          stop++;
          size = Math.max(size, wish); // The step was short for the sake of the time, not of the error.
        }
        if (jump) {
          t = beside(end, direction);
          stepper.forget();
          if (journey.status === 'done') journey.steps.amend({ end: until });
        }
      } else {
        stepper.reject();
        stats.rejected++;
        rejects++;
      }
      if (onStep) onStep({ t: from, dt, accepted, errorRatio: ratio, nfe: stepper.nfe });
    }
  } finally {
    const passed = (t - t1) * direction > 0;
    const t0 = journey.status === 'event' ? journey.reached : passed ? t1 : t;
    journey.next = { t0, firstStep: size, firstErrors: earlier };
  }
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
