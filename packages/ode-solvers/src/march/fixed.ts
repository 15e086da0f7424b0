import type { Plan } from '../plan.ts';
import { wait, type March } from './coroutine.ts';
import { begin, failed, inside, pauses, take, takeToEvent, type Journey, type Trek } from './journey.ts';
import type { Trial } from './stepper.ts';

/** Takes the steps of a grid. Whether the state is finite is looked at only at the end. */
export function* fixedSteps(trek: Trek, grid: readonly number[]): March<void> {
  const { stepper, plan, journey } = trek;
  const { events, signal, onStep } = plan;
  const pause = signal && pauses(signal);
  for (let i = 1; i < grid.length && journey.status === 'done'; i++) {
    if (pause) yield* pause();
    const trial = fixedTrial(journey, plan, grid, i);
    const tried = stepper.trial(trial);
    if (tried instanceof Promise) yield tried;
    if (trial.last && !(yield* wait(stepper.isFinite()))) yield* findFault(trek, grid);
    if (events.length > 0) yield* takeToEvent(trek, trial);
    else take(trek, trial);
    onStep?.({ t: trial.t, dt: trial.dt, accepted: true, errorRatio: undefined, nfe: stepper.nfe });
  }
}

function fixedTrial(journey: Journey, plan: Plan, grid: readonly number[], i: number): Trial {
  const [t, end] = [grid[i - 1]!, grid[i]!];
  const last = i === grid.length - 1;
  return {
    t,
    dt: end - t,
    end,
    times: inside(journey, plan, end),
    estimate: false,
    forced: true,
    last,
    keep: plan.keep,
  };
}

/** When the end is not finite, all steps are taken again with a check after each. */
function* findFault(trek: Trek, grid: readonly number[]): March<never> {
  const { stepper, plan, journey } = trek;
  const { nfe } = stepper;
  stepper.restart();
  journey.steps.clear();
  journey.times = [];
  begin(trek);
  journey.stats.accepted = 0;
  for (let i = 1; ; i++) {
    const trial = fixedTrial(journey, plan, grid, i);
    yield* wait(stepper.trial(trial));
    if (trial.last || !(yield* wait(stepper.isFinite()))) {
      const kind = (yield* wait(stepper.fault(trial.t))) ?? 'state';
      throw yield* failed(trek, kind, { time: trial.t, stepSize: trial.dt, nfe });
    }
    take(trek, trial);
  }
}
