import type { PlannedPoint } from '../plan.ts';
import { percent } from '../plan.ts';
import type { Point, Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import type { Method } from '../study.ts';

/** A point that left something to draw. */
export interface Model {
  readonly method: Method;
  readonly pruneRatio: number;
  /** Such as `dense` or `structured 60 %`. */
  readonly title: string;
  readonly point: Point;
  readonly artefact: Artefact;
}

/** What the points of the first seed left to draw, in the order of the plan. */
export function modelsOf(
  result: Result,
  points: readonly PlannedPoint[],
  load: (point: PlannedPoint) => Artefact | undefined,
): Model[] {
  return points.flatMap((planned): Model[] => {
    const { config, address } = planned;
    if (config.draw === null || config.seed !== result.seed) return [];
    const point = result.points.find((one) => one.address === address);
    if (point?.status !== 'ok') return [];
    const artefact = load(planned);
    if (artefact === undefined) return [];
    const { method, pruneRatio } = point;
    const title = method === 'dense' ? 'dense' : `${method} ${percent(pruneRatio)} %`;
    return [{ method, pruneRatio, title, point, artefact }];
  });
}

/** What is shown side by side for a pruner: dense, the pruner at most `most` ratios, and the control of the last of them. */
export function sideBySide(models: readonly Model[], pruner: Method, most = 4): Model[] {
  const own = models.filter(({ method }) => method === pruner);
  const chosen = own.filter(
    (_, i) =>
      own.length <= most ||
      Math.round((i * (most - 1)) / (own.length - 1)) !== Math.round(((i - 1) * (most - 1)) / (own.length - 1)),
  );
  if (chosen.length === 0) return [];
  const last = chosen.at(-1)!.pruneRatio;
  return [
    ...models.filter(({ method }) => method === 'dense'),
    ...chosen,
    ...models.filter(({ method, pruneRatio }) => method === 'control' && pruneRatio === last),
  ];
}
