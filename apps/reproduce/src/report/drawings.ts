import type { PlannedPoint } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import { densityFigures } from './densities.ts';
import { measureFigure } from './measureFigure.ts';
import { nllFigure } from './nllFigure.ts';
import { robustnessFigures } from './robustnessFigures.ts';
import { byVariant } from './variants.ts';

/**
 * All figures of a study.
 *
 * @param load finds what a point left to draw, if anything.
 * @returns SVG files by name.
 */
export function drawFigures(
  result: Result,
  points: readonly PlannedPoint[],
  load: (point: PlannedPoint) => Artefact | undefined,
): ReadonlyMap<string, string> {
  const figures = new Map<string, string>();
  const parts = byVariant(result);
  for (const { label, part } of parts) {
    const own = points.filter(({ variant = '' }) => variant === label);
    const suffix = label === '' ? '' : `-${fileNameOf(label)}`;
    const nll = result.analysis === undefined ? nllFigure(part) : undefined;
    if (nll !== undefined) figures.set(`nll${suffix}`, nll);
    const measures = measureFigure(part);
    if (measures !== undefined) figures.set(`measures${suffix}`, measures);
    for (const [name, svg] of [...densityFigures(part, own, load), ...robustnessFigures(part, own, load)])
      figures.set(name + suffix, svg);
  }
  return figures;
}

/** A label as part of a file's name. */
function fileNameOf(label: string): string {
  return label
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
