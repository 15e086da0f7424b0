import type { Measure, Result } from '../results/schema.ts';
import type { Mark } from './curve.ts';
import { rangeOf, runOf } from './curve.ts';
import { estimateOf } from './measures.ts';
import { drawnMethods, methodLegend } from './methodKeys.ts';
import type { RatioLine } from './ratioPlot.ts';
import { allMarks, ratioPlot } from './ratioPlot.ts';
import { escapeXml, frame, placed } from './render.ts';
import { methodsOf, ratiosOf } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { formatEstimate } from './statistics.ts';
import { colours } from './theme.ts';

const width = 720;
const panel = { width: width / 2, height: 236 };

/**
 * Measures of a study that are marked for it, each against prune ratio in a panel of its own: one line per method with
 * standard errors over seeds, the dense model as a horizontal rule, and the paper's values where it prints them.
 *
 * @param label of the setting, in a study that compares several.
 * @returns an SVG file, or undefined when nothing was measured at any ratio.
 */
export function measureFigure(result: Result, label = ''): string | undefined {
  const all = methodsOf(result);
  const methods = drawnMethods.filter((method) => all.includes(method));
  const panels = (result.measures ?? [])
    .filter(({ curve }) => curve === true)
    .map((measure) => ({
      measure,
      paper: measure.published
        .filter(({ variant = label }) => variant === label)
        .map(({ pruneRatio, value }) => ({ x: 100 * pruneRatio, y: value })),
      lines: methods.map((method) => ({ method, marks: marksOf(result, measure, method) })),
    }))
    .filter(({ lines }) => lines.some(({ marks }) => marks.length > 0));
  if (panels.length === 0) return undefined;

  const besides = { dense: true, paper: panels.some(({ paper }) => paper.length > 0) };
  const keys = methodLegend(methods, all, besides, width);
  const top = keys.bottom;
  const drawings = panels.map(({ measure, lines, paper }, i) => {
    const x = (i % 2) * panel.width;
    const y = top + Math.floor(i / 2) * panel.height;
    const heading = `<text x="${x + 16}" y="${y + 14}" font-size="12.5" font-weight="600" fill="${colours.ink}">${escapeXml(measure.label + (measure.relative === true ? ', relative to dense' : ''))}</text>`;
    return `${heading}\n${placed(draw(result, measure, lines, paper), x, y + 18)}`;
  });
  const told = panels.flatMap(({ measure, lines }) =>
    lines.flatMap(({ method, marks }) => {
      const last = marks.at(-1);
      return last === undefined
        ? []
        : [`${measure.label}, ${method} at ${last.x.toFixed(1)} %: ${formatEstimate(last.estimate, measure.digits)}`];
    }),
  );
  return frame({
    width,
    height: top + Math.ceil(panels.length / 2) * panel.height + 8,
    title: `${result.title}${label === '' ? '' : ` (${label})`}: measures against prune ratio`,
    subtitle: runOf(result),
    description: `Measures against prune ratio, a panel each. At the last ratio: ${told.join('; ')}.`,
    content: [keys.markup, ...drawings].join('\n'),
  });
}

interface Measured extends Mark {
  readonly estimate: Estimate;
}

type Method = (typeof drawnMethods)[number] | 'dense';

function marksOf(result: Result, measure: Measure, method: Method): Measured[] {
  return ratiosOf(result.points.filter((point) => point.method === method)).flatMap((pruneRatio) => {
    const estimate = estimateOf(result, measure, { method, pruneRatio });
    if (estimate === undefined) return [];
    // One seed has no error over seeds; what else is known of the error is in the table.
    const error = estimate.count > 1 ? (estimate.standardError ?? 0) : 0;
    return [
      { x: 100 * pruneRatio, y: estimate.mean, low: estimate.mean - error, high: estimate.mean + error, estimate },
    ];
  });
}

function draw(
  result: Result,
  measure: Measure,
  lines: readonly RatioLine[],
  paper: readonly { readonly x: number; readonly y: number }[],
): Element {
  const [dense] = marksOf(result, measure, 'dense');
  return ratioPlot({
    all: methodsOf(result),
    dense,
    lines,
    paper,
    size: { width: panel.width, height: panel.height - 18 },
    domain: rangeOf(allMarks(dense, lines, paper), 10 ** -measure.digits),
  });
}
