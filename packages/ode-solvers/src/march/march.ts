import type { Plan } from '../plan.ts';
import { noStats } from '../stats.ts';
import { adaptiveSteps } from './adaptive.ts';
import type { March } from './coroutine.ts';
import { missing } from './events.ts';
import { failed } from './failed.ts';
import { fixedSteps } from './fixed.ts';
import { begin, pauses, type Journey, type Journeyed } from './journey.ts';
import type { Stepper } from './stepper.ts';
import type { StepLog } from './steps.ts';

/**
 * Takes a stepper from t0 to t1, by fixed or by adaptive steps. All that decides about steps is in this folder, for tensors and
 * plain arrays alike; what a step is, the stepper knows.
 */
export function* march(stepper: Stepper, plan: Plan, steps: StepLog): March<Journeyed> {
  const { t0, t1, firstStep, firstErrors } = plan;
  const journey: Journey = {
    stepper,
    plan,
    steps,
    watch: [],
    pause: plan.signal && pauses(plan.signal),
    stats: noStats(),
    times: [],
    events: [],
    status: 'done',
    reached: t0,
  };
  try {
    yield* begin(journey);
    if (plan.grid) yield* fixedSteps(journey, plan.grid);
    else if (t0 !== t1) yield* adaptiveSteps(journey);
    const because = journey.status === 'done' && missing(journey);
    if (because) throw yield* failed(journey, 'event', { time: journey.reached, stepSize: 0, because });
  } catch (error) {
    if (error !== journey.failure || plan.onFailure === 'throw') throw error;
    journey.status = 'failed';
    stepper.output();
    journey.times.push(journey.reached);
  }
  journey.stats.nfe = stepper.nfe;
  // Adaptive steps have said how to go on.
  journey.next ??= { t0: journey.reached, firstStep, firstErrors };
  return journey as Journeyed;
}
