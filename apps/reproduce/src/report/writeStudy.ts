import type { PlannedPoint } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { FigureFiles, Store } from '../results/store.ts';
import { densityFigures } from './densities.ts';
import { nllFigure } from './nllFigure.ts';
import { toPng } from './render.ts';
import { renderTable } from './table.ts';

/** Writes result.json, table.md and the figures of a finished study. */
export function writeStudy(store: Store, result: Result, points: readonly PlannedPoint[]): void {
  const figures = new Map<string, FigureFiles>();
  const nll = nllFigure(result);
  const drawings = [
    ...(nll === undefined ? [] : ([['nll', nll]] as const)),
    ...densityFigures(result, points, (point) => store.loadArtefact(point)),
  ];
  for (const [name, svg] of drawings) figures.set(name, { svg, png: toPng(svg) });
  store.saveStudy(result, renderTable(result), figures);
}
