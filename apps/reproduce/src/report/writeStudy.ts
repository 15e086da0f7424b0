import type { PlannedPoint } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { FigureFiles, Store } from '../results/store.ts';
import { nameInPaper } from '../study.ts';
import { drawFigures } from './drawings.ts';
import { renderPage } from './page.ts';
import { protocolFigure } from './protocolFigure.ts';
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
  writeProtocolFigures(store, new Set(studies.map(({ result }) => result.study)));
  store.saveIndex(renderPage(store.results()));
}

/** Where a study was run under two protocols, and one of both has changed: its figure of both, beside those of the other protocol. */
function writeProtocolFigures(store: Store, changed: ReadonlySet<string>): void {
  const results = store.results().map(({ result }) => result);
  for (const other of results) {
    const ofPaper = results.find(({ study }) => study !== other.study && study === nameInPaper(other));
    if (ofPaper === undefined || ![ofPaper, other].some(({ study }) => changed.has(study))) continue;
    if ([ofPaper, other].some(({ variants, analysis, task }) => variants ?? analysis ?? task)) continue;
    const svg = protocolFigure(ofPaper, other);
    if (svg !== undefined) store.saveFigure(other.study, 'protocols', { svg, png: toPng(svg) });
  }
}
