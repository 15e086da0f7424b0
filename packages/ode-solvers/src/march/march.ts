import type { Plan } from '../plan.ts';
import { noStats } from '../stats.ts';
import { adaptiveSteps } from './adaptive.ts';
import type { March } from './coroutine.ts';
import { Watch } from './events.ts';
import { fixedSteps } from './fixed.ts';
import { begin, Failed, failed, type Journey, type Trek } from './journey.ts';
import type { Stepper } from './stepper.ts';
import type { StepLog } from './steps.ts';

/**
 * Takes a stepper from t0 to t1, by fixed or by adaptive steps. All that decides about steps is in this folder, for tensors and
 * plain arrays alike; what a step is, the stepper knows.
 */
export function* march(stepper: Stepper, plan: Plan, steps: StepLog): March<Journey> {
  const { t0, t1 } = plan;
  const stats = noStats();
  const next = { t0, firstStep: plan.firstStep, firstErrors: plan.firstErrors };
  const journey: Journey = {
    steps,
    stats,
    times: [],
    events: [],
    status: 'done',
    failure: undefined,
    reached: t0,
    next,
  };
  const watch = new Watch(stepper, plan, journey.events);
  const trek: Trek = { stepper, plan, journey, watch };
  try {
    begin(trek);
    yield* watch.begin(t0);
    if (plan.grid) yield* fixedSteps(trek, plan.grid);
    else if (t0 !== t1) yield* adaptiveSteps(trek);
    const because = journey.status === 'done' ? watch.missing() : undefined;
    if (because) throw yield* failed(trek, 'event', { time: journey.reached, stepSize: 0, because });
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    if (plan.onFailure === 'throw') throw error.error;
    Object.assign(journey, { status: 'failed', failure: error.error });
    stepper.output();
    journey.times.push(journey.reached);
  }
  // Adaptive steps have said how to go on.
  if (plan.grid) journey.next = { ...next, t0: journey.reached };
  stats.nfe = stepper.nfe;
  return journey;
}
