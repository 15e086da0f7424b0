import type { PlannedPoint } from '../plan.ts';
import { makespan } from './schedule.ts';

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
  /** Points under way. */
  const running = new Map<string, { readonly since: number; readonly work: number; resumedWith: number | undefined }>();
  let finishedSeconds = 0;
  let finishedWork = 0;
  const done = (): number => total - [...left.values()].reduce((sum, work) => sum + work, 0);
  /** What has been done of a point since it was started here: an interrupted training brings a part with it, which its first report tells. */
  const gain = (address: string): { readonly seconds: number; readonly work: number } => {
    const { since, work, resumedWith = 0 } = running.get(address)!;
    return { seconds: (now() - since) / 1000, work: work - (left.get(address) ?? 0) - resumedWith };
  };
  return {
    start: ({ address, work }) => void running.set(address, { since: now(), work, resumedWith: undefined }),
    progress({ address, work }, fraction) {
      const rest = work * (1 - Math.min(1, fraction));
      left.set(address, rest);
      const point = running.get(address);
      if (point) point.resumedWith ??= work - rest;
    },
    finish({ address }) {
      left.delete(address);
      if (!running.has(address)) return;
      const { seconds, work } = gain(address);
      running.delete(address);
      if (work <= 0) return; // Only evaluated.
      finishedSeconds += seconds;
      finishedWork += work;
    },
    remaining() {
      if (left.size === 0) return 0;
      const gains = [...running.keys()].map(gain);
      const seconds = gains.reduce((sum, point) => sum + point.seconds, finishedSeconds);
      const work = gains.reduce((sum, point) => sum + point.work, finishedWork);
      return work > 0 ? (seconds / work) * makespan(points, left, workers) : NaN;
    },
    share: () => (total === 0 ? 1 : done() / total),
  };
}
