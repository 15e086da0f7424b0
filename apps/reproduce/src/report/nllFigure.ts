import * as Plot from '@observablehq/plot';
import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { PrunerMethod } from '../study.ts';
import { prunerNameOf } from '../study.ts';
import { denseKey, drawnMethods, legend, legendLine, legendTop, methodKey, paperKey, symbolOf } from './methodKeys.ts';
import { createDocument, frame, placed } from './render.ts';
import type { Row } from './rows.ts';
import { methodsOf, rowsOf } from './rows.ts';
import { formatEstimate } from './statistics.ts';
import { colourOf, colours } from './theme.ts';

const width = 720;
const plotHeight = 356;

/** Half the width of the line across the end of an error bar, in percent of prune ratio. */
const cap = 0.6;
interface Mark {
  /** Prune ratio, in percent. */
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

function markOf({ pruneRatio, testNll }: Row): Mark[] {
  if (testNll === undefined) return [];
  const error = testNll.standardError ?? 0;
  return [{ x: pruneRatio * 100, y: testNll.mean, low: testNll.mean - error, high: testNll.mean + error }];
}

/**
 * Test NLL against prune ratio: one line per method, the dense flow as a horizontal rule, standard errors where there are several
 * seeds, and the paper's values where it prints them.
 *
 * @returns an SVG file, or undefined when no point has a likelihood.
 */
export function nllFigure(result: Result): string | undefined {
  const rows = rowsOf(result);
  const dense = rows.filter(({ method }) => method === 'dense').flatMap(markOf)[0];
  const all = methodsOf(result);
  const asked = all.filter((method): method is PrunerMethod => prunerNameOf(method) !== undefined);
  const lines = [...asked.toReversed(), ...drawnMethods]
    .map((method) => ({ method, marks: rows.filter((row) => row.method === method).flatMap(markOf) }))
    .filter(({ marks }) => marks.length > 0);
  // Methods differ by less than a symbol at low ratios: side by side they stay readable, where there is room.
  const beside = new Set(rows.map((row) => row.pruneRatio)).size <= 8 ? Math.min(4.5, 22 / lines.length) : 0;
  if (dense === undefined && lines.length === 0) return undefined;
  const paper = result.paper
    .filter(({ source }) => source === 'paper')
    .map(({ pruneRatio, testNll }) => ({ x: pruneRatio * 100, y: testNll }));

  const values = [
    ...(dense === undefined ? [] : [dense]),
    ...lines.flatMap(({ marks }) => marks),
    ...paper.map(({ y }) => ({ low: y, high: y })),
  ];
  const low = Math.min(...values.map((value) => value.low));
  const high = Math.max(...values.map((value) => value.high));
  const margin = Math.max(0.02, (high - low) * 0.08);

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
    y: { domain: [low - margin, high + margin] },
    marks: [
      Plot.gridY({ stroke: colours.grid, strokeOpacity: 1, ticks: 7 }),
      Plot.axisX({ ...axis, anchor: 'bottom', ticks: 11 }),
      Plot.axisY({ ...axis, anchor: 'left', ticks: 7 }),
      Plot.axisX({ ...title, anchor: 'bottom', label: 'prune ratio (%)', labelOffset: 40 }),
      Plot.axisY({ ...title, anchor: 'left', label: 'test NLL (nats)', labelOffset: 58 }),
      ...(dense === undefined
        ? []
        : [Plot.ruleY([dense.y], { stroke: colours.dense, strokeWidth: 1.5, strokeDasharray: '5 4' })]),
      ...lines.flatMap(({ method, marks }, i) => {
        const dx = beside * (i - (lines.length - 1) / 2);
        const stroke = colours[colourOf(method, all)];
        const barred = marks.filter((mark) => mark.high > mark.low);
        return [
          // Every chain starts from the dense flow, so its line does too.
          Plot.line(dense === undefined ? marks : [dense, ...marks], {
            x: 'x',
            y: 'y',
            dx,
            stroke,
            strokeWidth: method === 'unstructured' || method === 'structured' ? 2 : 1.5,
            strokeOpacity: 0.85,
            ...(method === 'control' ? { strokeDasharray: '2 3' } : {}),
          }),
          Plot.ruleX(barred, { x: 'x', y1: 'low', y2: 'high', dx, stroke, strokeWidth: 1.5 }),
          ...(['low', 'high'] as const).map((y) =>
            Plot.ruleY(barred, {
              x1: ({ x }: Mark) => x - cap,
              x2: ({ x }: Mark) => x + cap,
              y,
              dx,
              stroke,
              strokeWidth: 1.5,
            }),
          ),
          Plot.dot(marks, {
            x: 'x',
            y: 'y',
            dx,
            fill: stroke,
            stroke: colours.background,
            strokeWidth: 1,
            symbol: symbolOf(method, all),
            r: 4.5,
          }),
        ];
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

  const several = result.seeds.length > 1;
  const ratios = rows.filter(({ method }) => method !== 'dense').map(({ pruneRatio }) => `${percent(pruneRatio)} %`);
  const keys = legend(
    [
      ...[...lines].reverse().map(({ method }) => methodKey(method, all)),
      ...(dense === undefined ? [] : [{ label: 'dense', drawing: denseKey }]),
      ...(paper.length === 0 ? [] : [{ label: 'paper', drawing: paperKey }]),
    ],
    width,
  );
  const plotTop = legendTop + keys.lines * legendLine - 4;
  return frame({
    width,
    height: plotTop + plotHeight,
    title: `${result.title}: likelihood against prune ratio`,
    subtitle: `${result.study}, ${result.budget} budget, ${result.seeds.length} ${several ? 'seeds, bars are standard errors' : 'seed, no error bars'}; lower is better`,
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
