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
  /** Points under way: since when they are watched, which is their first report, and what had been done then: a resumed one brings a part. */
  const running = new Map<string, { readonly since: number; readonly before: number; readonly hasReported: boolean }>();
  const workOf = new Map(left);
  let finishedSeconds = 0;
  let finishedWork = 0;
  const done = (): number => total - [...left.values()].reduce((sum, work) => sum + work, 0);
  /** What has been done of a point in this run, and in which time. A model that was trained before is only evaluated, which tells nothing. */
  const gain = (address: string): { readonly seconds: number; readonly work: number } => {
    const { since, before } = running.get(address)!;
    const gained = workOf.get(address)! - (left.get(address) ?? 0) - before;
    return gained > 0 ? { seconds: (now() - since) / 1000, work: gained } : { seconds: 0, work: 0 };
  };
  return {
    start: ({ address }) => void running.set(address, { since: now(), before: 0, hasReported: false }),
    progress({ address, work }, fraction) {
      const rest = work * (1 - Math.min(1, fraction));
      left.set(address, rest);
      if (running.get(address)?.hasReported === false) {
        running.set(address, { since: now(), before: work - rest, hasReported: true });
      }
    },
    finish({ address }) {
      left.delete(address);
      if (!running.has(address)) return;
      const { seconds, work } = gain(address);
      running.delete(address);
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
