import * as Plot from '@observablehq/plot';
import type { Method } from '../study.ts';
import type { Mark, Weight } from './curve.ts';
import { curve, denseRule } from './curve.ts';
import type { drawnMethods } from './methodKeys.ts';
import { createDocument } from './render.ts';
import { colours } from './theme.ts';

/** What a method has at its prune ratios. */
export interface RatioLine {
  readonly method: (typeof drawnMethods)[number];
  readonly marks: readonly Mark[];
}

/** A published value, at a prune ratio in percent. */
interface PaperMark {
  readonly x: number;
  readonly y: number;
}

interface RatioPlot {
  /** Every method of the study, in order. */
  readonly all: readonly Method[];
  readonly dense: Mark | undefined;
  readonly lines: readonly RatioLine[];
  readonly paper: readonly PaperMark[];
  readonly size: { readonly width: number; readonly height: number };
  readonly domain: readonly [low: number, high: number];
}

const weight: Weight = { line: 1.75, thin: 1.25, radius: 3, outline: 0.75 };

/** All that a panel shows, for its scale. */
export function allMarks(
  dense: Mark | undefined,
  lines: readonly Pick<RatioLine, 'marks'>[],
  paper: readonly PaperMark[],
): { readonly low: number; readonly high: number }[] {
  return [
    ...(dense === undefined ? [] : [dense]),
    ...lines.flatMap(({ marks }) => marks),
    ...paper.map(({ y }) => ({ low: y, high: y })),
  ];
}

/** One of several panels of a figure: a number against prune ratio, a line per method, the dense model as a horizontal rule. */
export function ratioPlot({ all, dense, lines, paper, size, domain }: RatioPlot): Element {
  const axis = { tickSize: 0, tickPadding: 8, label: null, fill: colours.muted } as const;
  return Plot.plot({
    document: createDocument(),
    ...size,
    marginLeft: 52,
    marginRight: 16,
    marginTop: 8,
    marginBottom: 44,
    style: { color: colours.ink, background: 'none', fontSize: '11px' },
    x: { domain: [0, 100] },
    y: { domain },
    marks: [
      Plot.gridY({ stroke: colours.grid, strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({ ...axis, anchor: 'bottom', ticks: 6 }),
      Plot.axisY({ ...axis, anchor: 'left', ticks: 5 }),
      Plot.axisX({
        ticks: [],
        labelAnchor: 'center',
        labelArrow: 'none',
        fill: colours.ink,
        anchor: 'bottom',
        label: 'prune ratio (%)',
        labelOffset: 36,
      }),
      ...denseRule(dense, weight),
      ...lines.flatMap(({ method, marks }) => curve(method, all, marks, dense, weight)),
      Plot.dot(paper, { x: 'x', y: 'y', symbol: 'times', stroke: colours.paper, strokeWidth: 1.75, r: 3.5 }),
    ],
  });
}
