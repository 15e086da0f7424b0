import type { PlannedPoint } from '../plan.ts';
import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import type { Drawn } from './densityFigure.ts';
import { densityFigure } from './densityFigure.ts';
import { runOfSeed } from './runOfSeed.ts';

/**
 * The density figures of a study, one per pruner: data, dense, the pruner at the drawn ratios, and the control of the last of them.
 *
 * @param load finds what a point left to draw, if anything.
 * @returns SVG files by name.
 */
export function densityFigures(
  result: Result,
  points: readonly PlannedPoint[],
  load: (point: PlannedPoint) => Artefact | undefined,
): Map<string, string> {
  let square: { readonly extent: number; readonly data: Float32Array } | undefined;
  const drawn = points.flatMap((planned): Drawn[] => {
    if (planned.config.draw === null) return [];
    const artefact = load(planned);
    const point = result.points.find(({ address }) => address === planned.address);
    if (artefact === undefined || point?.status !== 'ok') return [];
    const { logDensity, samples, data } = artefact.arrays;
    if (logDensity === undefined || samples === undefined) return [];
    if (point.method === 'dense' && data !== undefined) square = { extent: artefact.extent, data: data.values };
    const { method, pruneRatio, testNll } = point;
    return [{ method, pruneRatio, testNll, logDensity: logDensity.values, samples: samples.values }];
  });
  const figures = new Map<string, string>();
  const dense = drawn.find(({ method }) => method === 'dense');
  if (dense === undefined || square === undefined) return figures;
  for (const method of ['unstructured', 'structured'] as const) {
    const pruned = drawn.filter((entry) => entry.method === method);
    if (pruned.length === 0) continue;
    const control = drawn.filter(
      (entry) => entry.method === 'control' && entry.pruneRatio === pruned.at(-1)!.pruneRatio,
    );
    const about = runOfSeed(
      result,
      control.length > 0 &&
        `the control was trained as long as the flow pruned by ${percent(pruned.at(-1)!.pruneRatio)} %`,
    );
    const models = [dense, ...pruned, ...control];
    figures.set(
      `density-${method}`,
      densityFigure(`${result.title}: densities under ${method} pruning`, about, square.extent, square.data, models),
    );
  }
  return figures;
}
