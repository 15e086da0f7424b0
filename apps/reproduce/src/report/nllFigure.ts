import * as Plot from '@observablehq/plot';
import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { PrunerMethod } from '../study.ts';
import { prunerNameOf } from '../study.ts';
import type { Weight } from './curve.ts';
import { curve, denseRule, rangeOf, runOf } from './curve.ts';
import { drawnMethods, methodLegend } from './methodKeys.ts';
import { denseMark, linesOf, paperMarks } from './nllMarks.ts';
import { allMarks } from './ratioPlot.ts';
import { createDocument, frame, placed } from './render.ts';
import type { Row } from './rows.ts';
import { methodsOf, rowsOf } from './rows.ts';
import { formatEstimate } from './statistics.ts';
import { colours } from './theme.ts';

const width = 720;
const plotHeight = 356;

const weight: Weight = { line: 2, thin: 1.5, radius: 4.5, outline: 1, cap: 0.6 };

/**
 * Test NLL against prune ratio: one line per method, the dense flow as a horizontal rule, standard errors where there are several
 * seeds, and the paper's values where it prints them.
 *
 * @returns an SVG file, or undefined when no point has a likelihood.
 */
export function nllFigure(result: Result): string | undefined {
  const rows = rowsOf(result);
  const dense = denseMark(rows);
  const all = methodsOf(result);
  const asked = all.filter((method): method is PrunerMethod => prunerNameOf(method) !== undefined);
  const lines = linesOf(rows, [...asked.toReversed(), ...drawnMethods]);
  // Methods differ by less than a symbol at low ratios: side by side they stay readable, where there is room.
  const beside = new Set(rows.map((row) => row.pruneRatio)).size <= 8 ? Math.min(4.5, 22 / lines.length) : 0;
  if (dense === undefined && lines.length === 0) return undefined;
  const paper = paperMarks(result);
  const axis = { tickSize: 0, tickPadding: 8, label: null, fill: colours.muted } as const;
  const title = { ticks: [], labelAnchor: 'center', labelArrow: 'none', fill: colours.ink } as const;
  const plot = Plot.plot({
    document: createDocument(),
    width,
    height: plotHeight,
    marginLeft: 66,
    marginRight: 28,
    marginTop: 10,
    marginBottom: 46,
    style: { color: colours.ink, background: 'none', fontSize: '12px' },
    x: { domain: [0, 100] },
    y: { domain: rangeOf(allMarks(dense, lines, paper), 0.02) },
    marks: [
      Plot.gridY({ stroke: colours.grid, strokeOpacity: 1, ticks: 7 }),
      Plot.axisX({ ...axis, anchor: 'bottom', ticks: 11 }),
      Plot.axisY({ ...axis, anchor: 'left', ticks: 7 }),
      Plot.axisX({ ...title, anchor: 'bottom', label: 'prune ratio (%)', labelOffset: 40 }),
      Plot.axisY({ ...title, anchor: 'left', label: 'test NLL (nats)', labelOffset: 58 }),
      ...denseRule(dense, weight),
      ...lines.flatMap(({ method, marks }, i) => {
        const dx = beside * (i - (lines.length - 1) / 2);
        return curve(method, all, marks, dense, weight, dx);
      }),
      ...(dense === undefined
        ? []
        : [
            Plot.dot([dense], {
              x: 'x',
              y: 'y',
              fill: colours.dense,
              stroke: colours.background,
              strokeWidth: 1,
              r: 5,
            }),
          ]),
      Plot.dot(paper, { x: 'x', y: 'y', symbol: 'times', stroke: colours.paper, strokeWidth: 2, r: 4.5 }),
    ],
  });

  const ratios = rows.filter(({ method }) => method !== 'dense').map(({ pruneRatio }) => `${percent(pruneRatio)} %`);
  const besides = { dense: dense !== undefined, paper: paper.length > 0 };
  const drawn = lines.map(({ method }) => method);
  const keys = methodLegend(drawn, all, besides, width);
  const plotTop = keys.bottom;
  return frame({
    width,
    height: plotTop + plotHeight,
    title: `${result.title}: likelihood against prune ratio`,
    subtitle: `${runOf(result)}; lower is better`,
    description: describe(rows, ratios),
    content: [keys.markup, placed(plot, 0, plotTop)].join('\n'),
  });
}

function describe(rows: readonly Row[], ratios: readonly string[]): string {
  const each = rows.flatMap(({ method, pruneRatio, testNll }) =>
    testNll === undefined
      ? []
      : [`${prunerNameOf(method) ?? method} at ${percent(pruneRatio)} %: ${formatEstimate(testNll)}`],
  );
  return `Test negative log-likelihood in nats against the prune ratio (${[...new Set(ratios)].join(', ')}). ${each.join('; ')}.`;
}
