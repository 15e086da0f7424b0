import * as Plot from '@observablehq/plot';
import type { Result } from '../results/schema.ts';
import type { Method } from '../study.ts';
import { symbolOf } from './methodKeys.ts';
import { seedsThere } from './rows.ts';
import { colourOf, colours } from './theme.ts';

/** A value at a prune ratio, with its standard error. */
export interface Mark {
  /** Prune ratio, in percent. */
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** How heavily curves are drawn, in pixels. */
export interface Weight {
  /** Of the paper's pruners. */
  readonly line: number;
  /** Of baselines, error bars and the dense model's rule. */
  readonly thin: number;
  readonly radius: number;
  readonly outline: number;
  /** Half the width of the line across the end of an error bar, in percent of prune ratio; none without it. */
  readonly cap?: number;
}

/** From the lowest to the highest end of an error bar, and some room; at least `least` at either side. */
export function rangeOf(
  marks: readonly { readonly low: number; readonly high: number }[],
  least: number,
): [number, number] {
  const low = Math.min(...marks.map((mark) => mark.low));
  const high = Math.max(...marks.map((mark) => mark.high));
  const margin = Math.max(least, (high - low) * 0.08);
  return [low - margin, high + margin];
}

/** The dense model, where there is one. */
export function denseRule(dense: Mark | undefined, { thin }: Weight): Plot.Markish[] {
  if (dense === undefined) return [];
  return [Plot.ruleY([dense.y], { stroke: colours.dense, strokeWidth: thin, strokeDasharray: '5 4' })];
}

/**
 * The line of a method with its error bars. It begins at the dense model, where every chain does.
 *
 * @param dx shift to the right, in pixels.
 */
export function curve(
  method: Exclude<Method, 'dense' | 'gaussian'>,
  all: readonly Method[],
  marks: readonly Mark[],
  dense: Mark | undefined,
  { line, thin, radius, outline, cap }: Weight,
  dx = 0,
): Plot.Markish[] {
  const stroke = colours[colourOf(method, all)];
  const barred = marks.filter((mark) => mark.high > mark.low);
  return [
    Plot.line(dense === undefined ? marks : [dense, ...marks], {
      x: 'x',
      y: 'y',
      dx,
      stroke,
      strokeWidth: method === 'unstructured' || method === 'structured' ? line : thin,
      strokeOpacity: 0.85,
      ...(method === 'control' ? { strokeDasharray: '2 3' } : {}),
    }),
    Plot.ruleX(barred, { x: 'x', y1: 'low', y2: 'high', dx, stroke, strokeWidth: thin }),
    ...(cap === undefined ? [] : (['low', 'high'] as const)).map((y) =>
      Plot.ruleY(barred, {
        x1: ({ x }: Mark) => x - cap!,
        x2: ({ x }: Mark) => x + cap!,
        y,
        dx,
        stroke,
        strokeWidth: thin,
      }),
    ),
    Plot.dot(marks, {
      x: 'x',
      y: 'y',
      dx,
      fill: stroke,
      stroke: colours.background,
      strokeWidth: outline,
      symbol: symbolOf(method, all),
      r: radius,
    }),
  ];
}

/** What was run, what the bars are, and whether the paper's marks may be compared with ours. */
export function runOf(result: Result): string {
  const { study, budget, notComparable } = result;
  const seeds = seedsThere(result);
  const bars = seeds > 1 ? 'seeds, bars are standard errors' : 'seed, no error bars';
  const warning = notComparable === undefined ? '' : '; not comparable with the paper';
  return `${study}, ${budget} budget, ${seeds} ${bars}${warning}`;
}
