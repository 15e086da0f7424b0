import { MultiBar, Presets } from 'cli-progress';
import type { SingleBar } from 'cli-progress';
import type { PlannedPoint } from '../plan.ts';
import type { Outcome, Progress } from './executor.ts';
import { makespan } from './schedule.ts';

/** Where progress goes; stderr, in practice. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** Shows how a run is coming along. */
export interface Reporter {
  start(point: PlannedPoint): void;
  progress(point: PlannedPoint, progress: Progress): void;
  finish(point: PlannedPoint, outcome: Outcome): void;
  /** A line that stays. */
  note(line: string): void;
  close(): void;
}

/** `75` → `1 min 15 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '…';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Estimates the remaining time from what has been done since the run started. */
export interface Estimate {
  start(point: PlannedPoint): void;
  progress(point: PlannedPoint, fraction: number): void;
  finish(point: PlannedPoint): void;
  /** Seconds; NaN until something has been measured. */
  remaining(): number;
  /** Share of the work that is done. */
  share(): number;
}

/** @param now clock in milliseconds. */
export function createEstimate(points: readonly PlannedPoint[], workers: number, now: () => number): Estimate {
  const left = new Map(points.map((point) => [point.address, point.work]));
  const total = points.reduce((sum, point) => sum + point.work, 0);
  const started = new Map<string, number>();
  let finishedSeconds = 0;
  let finishedWork = 0;
  const workOf = new Map(points.map((point) => [point.address, point.work]));
  const done = (): number => total - [...left.values()].reduce((sum, work) => sum + work, 0);
  return {
    start: ({ address }) => void started.set(address, now()),
    progress: ({ address, work }, fraction) => void left.set(address, work * (1 - Math.min(1, fraction))),
    finish({ address, work }) {
      left.delete(address);
      const since = started.get(address);
      if (since === undefined) return;
      started.delete(address);
      finishedSeconds += (now() - since) / 1000;
      finishedWork += work;
    },
    remaining() {
      let seconds = finishedSeconds;
      let work = finishedWork;
      for (const [address, since] of started) {
        seconds += (now() - since) / 1000;
        work += workOf.get(address)! - left.get(address)!;
      }
      if (left.size === 0) return 0;
      return work > 0 ? (seconds / work) * makespan(points, left, workers) : NaN;
    },
    share: () => (total === 0 ? 1 : done() / total),
  };
}

/** Bars on a terminal; otherwise plain lines, at most one every `everySeconds` besides those for finished points. */
export function createReporter(
  stream: ProgressStream,
  points: readonly PlannedPoint[],
  workers: number,
  { now = Date.now, everySeconds = 15 }: { readonly now?: () => number; readonly everySeconds?: number } = {},
): Reporter {
  const estimate = createEstimate(points, workers, now);
  return stream.isTTY === true
    ? createBars(stream, points, estimate)
    : createLines(stream, points, estimate, now, everySeconds * 1000);
}

function fractionOf({ epoch, epochs }: Progress): number {
  return epochs > 0 ? epoch / epochs : 1;
}

function describeProgress({ phase, epoch, epochs, loss, nfeForward, nfeBackward }: Progress): string {
  if (phase === 'evaluate') return 'evaluating';
  return `epoch ${epoch.toFixed(1)}/${epochs}, loss ${loss.toFixed(3)} nats, NFE ${nfeForward}+${nfeBackward}`;
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.status === 'stopped') return 'stopped';
  if (outcome.status === 'diverged') return `diverged: ${outcome.reason}`;
  const { testNll, nfeForward, nfeBackward, parameters } = outcome.measured;
  return `test NLL ${testNll.toFixed(3)} nats, ${parameters} parameters, NFE ${nfeForward}+${nfeBackward}, ${formatDuration(outcome.seconds)}`;
}

function createLines(
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

function createBars(stream: ProgressStream, points: readonly PlannedPoint[], estimate: Estimate): Reporter {
  const bars = new MultiBar(
    {
      stream: stream as NodeJS.WriteStream,
      format: ' {bar} {share} {text}',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      forceRedraw: true,
      emptyOnZero: true,
      fps: 5,
    },
    Presets.shades_grey,
  );
  const scale = 1000;
  let finished = 0;
  const total = bars.create(scale, 0, { share: '  0 %', text: '' });
  const active = new Map<string, SingleBar>();
  const show = (bar: SingleBar, share: number, text: string): void => {
    bar.update(Math.round(share * scale), { share: `${String(Math.round(share * 100)).padStart(3)} %`, text });
  };
  const showTotal = (): void => {
    const remaining = estimate.remaining();
    const eta = Number.isFinite(remaining) ? `about ${formatDuration(remaining)} left` : 'estimating the time left';
    show(total, estimate.share(), `${finished}/${points.length} points, ${eta}`);
  };
  // Lines that stay go above the bars, which the library redraws below them.
  const note = (text: string): void => bars.log(`${text}\n`);
  showTotal();
  return {
    start(point) {
      estimate.start(point);
      active.set(point.address, bars.create(scale, 0, { share: '  0 %', text: point.label }));
    },
    progress(point, progress) {
      estimate.progress(point, fractionOf(progress));
      const bar = active.get(point.address);
      if (bar !== undefined) show(bar, fractionOf(progress), `${point.label}: ${describeProgress(progress)}`);
      showTotal();
    },
    finish(point, outcome) {
      estimate.finish(point);
      finished += 1;
      const bar = active.get(point.address);
      if (bar !== undefined) bars.remove(bar);
      active.delete(point.address);
      note(`${point.label}: ${describeOutcome(outcome)}`);
      showTotal();
    },
    note,
    close: () => bars.stop(),
  };
}
