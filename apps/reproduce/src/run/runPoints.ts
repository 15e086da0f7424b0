import type { PlannedPoint } from '../plan.ts';
import type { Executor, Job, Outcome, Progress } from './executor.ts';
import { byRemainingChain } from './schedule.ts';

/** What happens while points are computed. */
export interface RunEvents {
  onStart?(point: PlannedPoint): void;
  onProgress?(point: PlannedPoint, progress: Progress): void;
  onWarning?(line: string): void;
  /** Not called for points that were stopped. */
  onFinish(point: PlannedPoint, outcome: Outcome): void;
}

/**
 * Computes points, parents before children, as many at once as the executor takes. A point whose parent diverged is not computed but
 * reported as diverged too; all others go on.
 *
 * @param points in the order of a plan; a parent that is not among them is finished already.
 * @param stop raised from outside to end early; raised here when a job fails, so that the others save and end too.
 * @returns 'stopped' when it ended early because `stop` was raised.
 * @throws what the executor throws, after the points that were under way have ended.
 */
export async function runPoints(
  points: readonly PlannedPoint[],
  executor: Executor,
  jobOf: (point: PlannedPoint) => Omit<Job, 'planned'>,
  stop: { raised(): boolean; raise(): void },
  events: RunEvents,
): Promise<'finished' | 'stopped'> {
  const waiting = byRemainingChain(points);
  const unfinished = new Set(points.map((point) => point.address));
  const diverged = new Map<string, PlannedPoint>();
  const active = new Set<Promise<void>>();
  let stopped = false;
  let failure: { readonly error: unknown } | undefined;

  const settle = (point: PlannedPoint, outcome: Outcome): void => {
    if (outcome.status === 'stopped') {
      stopped = true;
      return;
    }
    unfinished.delete(point.address);
    if (outcome.status === 'diverged') diverged.set(point.address, point);
    events.onFinish(point, outcome);
  };

  const start = async (point: PlannedPoint): Promise<void> => {
    events.onStart?.(point);
    const outcome = await executor.run(
      { planned: point, ...jobOf(point) },
      {
        onProgress: (progress) => events.onProgress?.(point, progress),
        onWarning: (line) => events.onWarning?.(line),
      },
    );
    settle(point, outcome);
  };

  const takeReady = (): PlannedPoint | undefined => {
    const index = waiting.findIndex(({ config }) => config.parent === null || !unfinished.has(config.parent));
    return index === -1 ? undefined : waiting.splice(index, 1)[0];
  };

  for (;;) {
    while (active.size < executor.size && failure === undefined && !stopped) {
      if (stop.raised()) {
        stopped = waiting.length > 0 || active.size > 0;
        break;
      }
      const point = takeReady();
      if (point === undefined) break;
      const parent = point.config.parent === null ? undefined : diverged.get(point.config.parent);
      if (parent !== undefined) {
        const reason = `the point it continues from, ${parent.label}, diverged`;
        settle(point, { status: 'diverged', reason, parameters: null, epochs: 0, seconds: 0 });
        continue;
      }
      const running: Promise<void> = start(point)
        .catch((error: unknown) => {
          failure ??= { error };
          stop.raise();
        })
        .finally(() => active.delete(running));
      active.add(running);
    }
    if (active.size === 0) break;
    await Promise.race(active);
  }
  if (failure !== undefined) throw failure.error;
  return stopped ? 'stopped' : 'finished';
}
