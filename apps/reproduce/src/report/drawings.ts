import type { PlannedPoint } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import { curvatureFigures } from './curvatureFigures.ts';
import { densityFigures } from './densities.ts';
import { imageFigures } from './imageFigures.ts';
import { measureFigure } from './measureFigure.ts';
import { modelsOf } from './models.ts';
import { nllFigure } from './nllFigure.ts';
import { sampleFigures, vectorFieldFigures } from './planeFigures.ts';
import { robustnessFigures } from './robustnessFigures.ts';
import { variantFigure } from './variantFigure.ts';
import { byVariant } from './variants.ts';

type Load = (point: PlannedPoint) => Artefact | undefined;

/**
 * All figures of a study.
 *
 * @param load finds what a point left to draw, if anything.
 * @returns SVG files by name.
 */
export function drawFigures(result: Result, points: readonly PlannedPoint[], load: Load): ReadonlyMap<string, string> {
  const figures = new Map<string, string>();
  const settings = result.variants !== undefined && result.analysis === undefined ? variantFigure(result) : undefined;
  if (settings !== undefined) figures.set('settings', settings);
  for (const { label, part } of byVariant(result)) {
    const own = points.filter(({ variant = '' }) => variant === label);
    const suffix = label === '' ? '' : `-${fileNameOf(label)}`;
    const measures = measureFigure(part, label);
    if (measures !== undefined) figures.set(`measures${suffix}`, measures);
    for (const [name, svg] of partFigures(part, label, own, load)) figures.set(name + suffix, svg);
  }
  return figures;
}

/** What the models of one setting look like. */
function partFigures(result: Result, label: string, points: readonly PlannedPoint[], load: Load): Map<string, string> {
  const models = modelsOf(result, points, load);
  switch (result.analysis) {
    case 'curvature':
      return curvatureFigures(result, models);
    case 'sample-quality':
      return sampleFigures(result, label, models);
    case 'image-quality':
      return imageFigures(result, models);
    case 'vector-field':
      return vectorFieldFigures(result, models);
    case undefined: {
      const nll = result.variants === undefined ? nllFigure(result) : undefined;
      return new Map([
        ...(nll === undefined ? [] : [['nll', nll] as const]),
        ...densityFigures(result, points, load),
        ...robustnessFigures(result, points, load),
        ...imageFigures(result, models),
      ]);
    }
  }
}

/** A label as part of a file's name. */
function fileNameOf(label: string): string {
  return label
    .toLowerCase()
    .replaceAll('×', 'x')
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
