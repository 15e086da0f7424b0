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
