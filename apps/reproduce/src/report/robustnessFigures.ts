import type { PlannedPoint } from '../plan.ts';
import { percent } from '../plan.ts';
import type { Point, Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import type { DrawnClassifier, RobustnessScene } from './robustnessFigure.ts';
import { robustnessFigure } from './robustnessFigure.ts';
import { runOfSeed } from './runOfSeed.ts';
import { formatNumber } from './statistics.ts';

/**
 * The paper's Figure 9 for each pruner: the dense classifier, the pruned ones at the drawn ratios, and the control of the last of them.
 *
 * @param load finds what a point left to draw, if anything.
 * @returns SVG files by name.
 */
export function robustnessFigures(
  result: Result,
  points: readonly PlannedPoint[],
  load: (point: PlannedPoint) => Artefact | undefined,
): Map<string, string> {
  let scene: RobustnessScene | undefined;
  const rows = points.flatMap((planned) => {
    if (planned.config.draw === null) return [];
    const point = result.points.find(({ address }) => address === planned.address);
    const artefact = load(planned);
    if (artefact === undefined || point?.status !== 'ok') return [];
    const { extent, arrays } = artefact;
    const { difference, field, trajectories, data, labels } = arrays;
    if (difference === undefined || field === undefined || trajectories === undefined) return [];
    if (point.method === 'dense' && data !== undefined && labels !== undefined)
      scene = { extent, points: data.values, labels: labels.values };
    return [{ point, difference: difference.values, field: field.values, trajectories }];
  });
  const figures = new Map<string, string>();
  if (scene === undefined) return figures;
  const drawn = rows.map(({ point, difference, field, trajectories }) => ({
    point,
    classifier: {
      title: titleOf(point),
      notes: notesOf(point),
      difference,
      field,
      trajectories: trajectories.values,
      classes: Float32Array.from(scene!.labels).subarray(0, trajectories.shape[0]),
    } satisfies DrawnClassifier,
  }));
  for (const method of ['unstructured', 'structured'] as const) {
    const pruned = drawn.filter(({ point }) => point.method === method);
    const last = pruned.at(-1)?.point.pruneRatio;
    if (last === undefined) continue;
    const shown = drawn.filter(
      ({ point }) =>
        point.method === 'dense' ||
        point.method === method ||
        (point.method === 'control' && point.pruneRatio === last),
    );
    const about = runOfSeed(
      result,
      shown.some(({ point }) => point.method === 'control') &&
        `the control was trained as long as the classifier pruned by ${percent(last)} %, without pruning`,
    );
    figures.set(
      `robustness-${method}`,
      robustnessFigure(
        `${result.title}: decisions under ${method} pruning`,
        about,
        scene,
        shown.map(({ classifier }) => classifier),
      ),
    );
  }
  return figures;
}

function titleOf({ method, pruneRatio }: Point): string {
  if (method === 'dense') return 'dense';
  return method === 'control' ? 'control' : `${percent(pruneRatio)} % pruned`;
}

function notesOf({ parameters, quantities = {} }: Point): string[] {
  const of = (name: string, show: (value: number) => string): string[] =>
    quantities[name] === undefined ? [] : [show(quantities[name].value)];
  return [
    ...(parameters === null ? [] : [`${parameters} parameters`]),
    ...of('testAccuracy', (value) => `accuracy ${formatNumber(value, 1)} %`),
    ...of('margin', (value) => `mean margin ${formatNumber(value, 2)}`),
    ...of('marginLeast', (value) => `least margin ${formatNumber(value, 2)}`),
  ];
}
