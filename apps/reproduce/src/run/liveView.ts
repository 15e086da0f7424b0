import { createLogUpdate } from 'log-update';
import type { PlannedPoint } from '../plan.ts';
import { chainsOf } from './chains.ts';
import { describeOutcome, describeProgress, formatDuration, fractionOf } from './describe.ts';
import type { Estimate } from './estimate.ts';
import type { Progress } from './executor.ts';
import type { ProgressStream, Reporter } from './progress.ts';
import { renderView } from './view.ts';
import type { ViewRow } from './view.ts';

/** Redraws a second; more would only flicker. */
const rate = 5;

/**
 * A bar for the whole run and one for every chain that is being computed, redrawn in place; lines that stay go above them. The terminal's
 * width is asked for at every redraw, so the bars follow its size.
 */
export function createLiveView(
  stream: ProgressStream,
  points: readonly PlannedPoint[],
  estimate: Estimate,
  colour: boolean,
): Reporter {
  const screen = createLogUpdate(stream as NodeJS.WriteStream);
  const chains = chainsOf(points);
  const active = new Map<string, { readonly point: PlannedPoint; latest: Progress | undefined }>();
  const ended = new Set<string>();
  // What is the same for all needs no room on narrow terminals.
  const firstWords = new Set(points.map(({ label }) => label.split(' ')[0]));
  const alike = firstWords.size === 1 ? `${[...firstWords][0]} ` : '';

  const rowOf = ({
    point,
    latest,
  }: {
    readonly point: PlannedPoint;
    readonly latest: Progress | undefined;
  }): ViewRow => {
    const chain = chains.get(point.address)!;
    const done = chain.filter((address) => ended.has(address)).length + (latest === undefined ? 0 : fractionOf(latest));
    const round = chain.length > 1 ? `, round ${chain.indexOf(point.address) + 1}/${chain.length}` : '';
    const doing = latest === undefined ? 'starting' : describeProgress(latest);
    return { share: done / chain.length, text: `${point.label.replace(alike, '')}: ${doing}${round}` };
  };
  const draw = (): void => {
    const remaining = estimate.remaining();
    const speed = [...active.values()].reduce((sum, { latest }) => sum + (latest?.stepsPerSecond ?? 0), 0);
    const total: ViewRow = {
      share: estimate.share(),
      text: [
        `${ended.size}/${points.length} points`,
        Number.isFinite(remaining) ? `about ${formatDuration(remaining)} left` : 'estimating the time left',
        ...(speed > 0 ? [`${speed.toFixed(0)} steps/s`] : []),
      ].join(', '),
    };
    screen(renderView([total, ...[...active.values()].map(rowOf)], stream.columns ?? 80, colour));
  };
  draw();
  const timer = setInterval(draw, 1000 / rate);
  // The bars alone are no reason to stay alive.
  timer.unref();

  const note = (line: string): void => {
    screen.clear();
    stream.write(`${line}\n`);
    draw();
  };
  return {
    start(point) {
      estimate.start(point);
      active.set(point.address, { point, latest: undefined });
    },
    progress(point, progress) {
      estimate.progress(point, fractionOf(progress));
      const entry = active.get(point.address);
      if (entry !== undefined) entry.latest = progress;
    },
    finish(point, outcome) {
      estimate.finish(point);
      active.delete(point.address);
      ended.add(point.address);
      note(`${point.label}: ${describeOutcome(outcome)}`);
    },
    note,
    close() {
      clearInterval(timer);
      screen.clear();
      screen.done();
    },
  };
}
