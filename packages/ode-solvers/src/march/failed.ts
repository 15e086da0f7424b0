import { factsOf, type FailureKind, type Whereabouts } from '../failure.ts';
import { wait, type March } from './coroutine.ts';
import type { Journey } from './journey.ts';

/** The error of a solve that cannot go on. */
export function* failed(journey: Journey, kind: FailureKind, at: Whereabouts): March<Error> {
  const { stepper, plan, stats } = journey;
  const facts = factsOf(plan, { ...stats, nfe: stepper.nfe }, at);
  return (journey.failure = yield* wait(stepper.failure(kind, facts)));
}
