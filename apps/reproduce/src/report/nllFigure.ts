import * as Plot from '@observablehq/plot';
import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { Method, OwnMethod, PrunerMethod } from '../study.ts';
import { prunerNameOf } from '../study.ts';
import { createDocument, frame, placed } from './render.ts';
import type { Row } from './rows.ts';
import { methodsOf, rowsOf } from './rows.ts';
import { formatEstimate } from './statistics.ts';
import { colourOf, colours } from './theme.ts';

const width = 720;
const plotHeight = 356;
const legendTop = 72;
const legendLine = 20;

const names: Readonly<Record<Exclude<OwnMethod, 'dense'>, string>> = {
  unstructured: 'unstructured',
  structured: 'structured',
  random: 'random',
  control: 'control (not pruned)',
};
type Symbol = 'circle' | 'square' | 'triangle' | 'diamond';
const symbols: Readonly<Record<Exclude<OwnMethod, 'dense'>, Symbol>> = {
  unstructured: 'circle',
  structured: 'square',
  random: 'triangle',
  control: 'diamond',
};
/** Half the width of the line across the end of an error bar, in percent of prune ratio. */
const cap = 0.6;
const drawnMethods = ['random', 'control', 'structured', 'unstructured'] as const;
type Drawn = Exclude<Method, 'dense'>;

function nameOf(method: Drawn): string {
  return prunerNameOf(method) ?? names[method as keyof typeof names];
}

/** Neighbours in the list of pruners differ in colour and symbol. */
function symbolOf(method: Drawn, all: readonly Method[]): Symbol {
  const cycle = Object.values(symbols);
  return symbols[method as keyof typeof symbols] ?? cycle[all.indexOf(method) % cycle.length]!;
}

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
  const keys = legend([
    ...[...lines].reverse().map(({ method }) => methodKey(method, all)),
    ...(dense === undefined ? [] : [{ label: 'dense', drawing: denseKey }]),
    ...(paper.length === 0 ? [] : [{ label: 'paper', drawing: paperKey }]),
  ]);
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

interface Key {
  readonly label: string;
  /** Markup in a box of 24 × 12 around its centre line y = 0. */
  readonly drawing: string;
}

const denseKey = `<line x1="0" x2="24" stroke="${colours.dense}" stroke-width="1.5" stroke-dasharray="5 4"/>`;
const paperKey = `<path d="M8.5,-3.5 l7,7 m0,-7 l-7,7" stroke="${colours.paper}" stroke-width="2" fill="none"/>`;

function methodKey(method: Drawn, all: readonly Method[]): Key {
  const colour = colours[colourOf(method, all)];
  const dashes = method === 'control' ? ' stroke-dasharray="2 3"' : '';
  const shape = {
    circle: '<circle cx="12" r="4"/>',
    square: '<rect x="8.5" y="-3.5" width="7" height="7"/>',
    triangle: '<path d="M12,-5 l4.6,8 h-9.2 z"/>',
    diamond: '<path d="M12,-5 l3.4,5 l-3.4,5 l-3.4,-5 z"/>',
  }[symbolOf(method, all)];
  return {
    label: nameOf(method),
    drawing: `<line x1="0" x2="24" stroke="${colour}" stroke-width="2"${dashes}/><g fill="${colour}">${shape}</g>`,
  };
}

/** Keys in a line under the subtitle, and in further lines when they are too long for one. */
function legend(keys: readonly Key[]): { readonly markup: string; readonly lines: number } {
  let x = 16;
  let line = 0;
  const placedKeys = keys.map(({ label, drawing }) => {
    // Inter at 12 px is about 6.2 px a letter.
    const needed = 30 + label.length * 6.2;
    if (x + needed > width - 8) {
      x = 16;
      line += 1;
    }
    const place = `<g transform="translate(${x.toFixed(1)},${legendTop + line * legendLine})">${drawing}<text x="30" y="4" font-size="12" fill="${colours.ink}">${label}</text></g>`;
    x += needed + 16;
    return place;
  });
  return { markup: placedKeys.join('\n'), lines: line + 1 };
}
