import type { PlannedPoint } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { FigureFiles, Store } from '../results/store.ts';
import { drawFigures } from './drawings.ts';
import { renderPage } from './page.ts';
import { toPng } from './render.ts';
import { renderTable } from './table.ts';

/** Writes result.json, table.md and the figures of a study. */
function writeStudy(store: Store, result: Result, points: readonly PlannedPoint[]): void {
  const figures = new Map<string, FigureFiles>();
  for (const [name, svg] of drawFigures(result, points, (point) => store.loadArtefact(point)))
    figures.set(name, { svg, png: toPng(svg) });
  store.saveStudy(result, renderTable(result), figures);
}

/** Writes the reports of studies, and the page over everything that is there. */
export function writeReport(
  store: Store,
  studies: readonly { readonly result: Result; readonly planned: readonly PlannedPoint[] }[],
): void {
  for (const { result, planned } of studies) writeStudy(store, result, planned);
  store.saveIndex(renderPage(store.results()));
}
