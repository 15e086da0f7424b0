import type { PlannedPoint } from '../plan.ts';

/**
 * The order in which points are taken when several could start: study by study, so that the first is finished while the others wait; in a
 * study the one with the most work behind it first, then the order of the plan. It decides how long a run takes, never what it computes.
 */
export function byRemainingChain(points: readonly PlannedPoint[]): PlannedPoint[] {
  const behind = workBehind(points);
  const order = new Map([...new Set(points.map(({ study }) => study))].map((study, i) => [study, i]));
  return [...points].sort(
    (a, b) => order.get(a.study)! - order.get(b.study)! || behind.get(b.address)! - behind.get(a.address)!,
  );
}

/** For every point, its own work and that of the heaviest chain of points that waits for it. */
function workBehind(points: readonly PlannedPoint[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  // Children come after their parents in a plan, so backwards every child is known when its parent is reached.
  const heaviestChild = new Map<string, number>();
  for (const { address, config, work } of [...points].reverse()) {
    const own = work + (heaviestChild.get(address) ?? 0);
    total.set(address, own);
    if (config.parent !== null) heaviestChild.set(config.parent, Math.max(heaviestChild.get(config.parent) ?? 0, own));
  }
  return total;
}

/**
 * Time at which the last point ends if `workers` take points in this order: what is left of each (in units of work) and what waits for
 * what. Used for the estimate of the remaining time, which a plain quotient gets wrong when a chain leaves workers idle.
 *
 * @param left work left of each unfinished point; points that are not in it are finished.
 * @returns units of work on the longest worker.
 */
export function makespan(points: readonly PlannedPoint[], left: ReadonlyMap<string, number>, workers: number): number {
  const waiting = byRemainingChain(points.filter((point) => left.has(point.address)));
  const end = new Map<string, number>();
  const free = new Array<number>(Math.max(1, workers)).fill(0);
  while (waiting.length > 0) {
    const worker = free.indexOf(Math.min(...free));
    const now = free[worker]!;
    const readyAt = (point: PlannedPoint): number => {
      const { parent } = point.config;
      if (parent === null || !left.has(parent)) return 0;
      return end.get(parent) ?? Infinity;
    };
    let next = waiting.findIndex((point) => readyAt(point) <= now);
    if (next === -1) {
      const earliest = Math.min(...waiting.map(readyAt));
      next = waiting.findIndex((point) => readyAt(point) === earliest);
    }
    const [point] = waiting.splice(next, 1);
    const finish = Math.max(now, readyAt(point!)) + left.get(point!.address)!;
    end.set(point!.address, finish);
    free[worker] = finish;
  }
  return Math.max(0, ...end.values());
}
