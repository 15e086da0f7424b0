import type { PlannedPoint } from '../plan.ts';
import { createEstimate } from './estimate.ts';
import type { Outcome, Progress } from './executor.ts';
import { createLines } from './lines.ts';
import { createLiveView } from './liveView.ts';

/** Where progress goes; stderr, in practice. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  /** Of a terminal; it changes while the program runs. */
  readonly columns?: number | undefined;
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

/** Bars on a terminal that can draw them; otherwise plain lines, at most one every `everySeconds` besides those for finished points. */
export function createReporter(
  stream: ProgressStream,
  points: readonly PlannedPoint[],
  workers: number,
  {
    now = Date.now,
    everySeconds = 15,
    env = process.env,
  }: {
    readonly now?: () => number;
    readonly everySeconds?: number;
    readonly env?: Readonly<Record<string, string | undefined>>;
  } = {},
): Reporter {
  const estimate = createEstimate(points, workers, now);
  return stream.isTTY === true && env['TERM'] !== 'dumb'
    ? createLiveView(stream, points, estimate, !env['NO_COLOR'])
    : createLines(stream, points, estimate, now, everySeconds * 1000);
}
