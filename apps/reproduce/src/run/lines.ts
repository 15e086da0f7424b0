import type { PlannedPoint } from '../plan.ts';
import { describeOutcome, describeProgress, fractionOf, formatDuration } from './describe.ts';
import type { Estimate } from './estimate.ts';
import type { ProgressStream, Reporter } from './progress.ts';

/** Plain lines: one when a point ends, and in between at most one per `interval` milliseconds. */
export function createLines(
  stream: ProgressStream,
  points: readonly PlannedPoint[],
  estimate: Estimate,
  now: () => number,
  interval: number,
): Reporter {
  let last = now();
  let finished = 0;
  const line = (text: string): void => void stream.write(`${text}\n`);
  const overall = (): string => {
    const remaining = estimate.remaining();
    const eta = Number.isFinite(remaining) ? `, about ${formatDuration(remaining)} left` : '';
    return `[${finished}/${points.length}, ${Math.round(estimate.share() * 100)} %${eta}]`;
  };
  return {
    start: (point) => estimate.start(point),
    progress(point, progress) {
      estimate.progress(point, fractionOf(progress));
      if (now() - last < interval) return;
      last = now();
      line(`${overall()} ${point.label}: ${describeProgress(progress)}`);
    },
    finish(point, outcome) {
      estimate.finish(point);
      finished += 1;
      last = now();
      line(`${overall()} ${point.label}: ${describeOutcome(outcome)}`);
    },
    note: line,
    close: () => undefined,
  };
}
