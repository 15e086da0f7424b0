import { wait, type March } from './coroutine.ts';
import { failed } from './failed.ts';
import { begin, inside, take, takeToEvent, type Journey } from './journey.ts';
import type { Trial } from './stepper.ts';

/**
 * Takes the steps of a grid. Whether the state is finite is looked at only at the end, or where there are events; where it is not, all
 * steps are taken again with a look at each.
 */
export function* fixedSteps(journey: Journey, grid: readonly number[], again = false): March<void> {
  const { stepper, plan } = journey;
  const { events, onStep } = plan;
  for (let i = 1; i < grid.length && journey.status === 'done'; i++) {
    if (journey.pause) yield* journey.pause();
    const [t, end] = [grid[i - 1]!, grid[i]!];
    const trial: Trial = {
      t,
      dt: end - t,
      end,
      times: inside(journey, end),
      estimate: false,
      forced: true,
      last: i === grid.length - 1,
    };
    const tried = stepper.trial(trial);
    if (tried instanceof Promise) yield tried;
    if ((again || trial.last || events.length > 0) && !(yield* wait(stepper.isFinite()))) {
      if (again) {
        const kind = (yield* wait(stepper.fault(t))) ?? 'state';
        throw yield* failed(journey, kind, { time: t, stepSize: trial.dt });
      }
      stepper.restart();
      journey.steps.clear();
      journey.times.length = journey.events.length = journey.stats.accepted = 0;
      yield* begin(journey);
      return yield* fixedSteps(journey, grid, true);
    }
    if (events.length > 0) yield* takeToEvent(journey, trial);
    else take(journey, trial);
    if (!again) onStep?.({ t, dt: trial.dt, accepted: true, errorRatio: undefined, nfe: stepper.nfe });
  }
}
