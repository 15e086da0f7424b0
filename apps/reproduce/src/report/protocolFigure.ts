import type { Result } from '../results/schema.ts';
import type { Mark } from './curve.ts';
import { rangeOf } from './curve.ts';
import { drawnMethods, methodLegend } from './methodKeys.ts';
import { denseMark, linesOf, paperMarks } from './nllMarks.ts';
import type { RatioLine } from './ratioPlot.ts';
import { allMarks, ratioPlot } from './ratioPlot.ts';
import { escapeXml, frame, placed } from './render.ts';
import { methodsOf, rowsOf } from './rows.ts';
import { formatEstimate } from './statistics.ts';
import { colours } from './theme.ts';

const width = 720;
const panel = { width: width / 2, height: 296 };

interface Side {
  readonly result: Result;
  readonly heading: string;
  readonly dense: Mark | undefined;
  readonly lines: readonly RatioLine[];
  /** Only the paper's protocol is what the paper's numbers are of. */
  readonly paper: readonly { readonly x: number; readonly y: number }[];
}

/**
 * Test NLL against prune ratio under the paper's protocol and under another, side by side on one scale: how much of what the paper gains
 * by pruning is left where the dense flow was trained until it stopped improving.
 *
 * @returns an SVG file, or undefined where one of them has no likelihood.
 */
export function protocolFigure(ofPaper: Result, other: Result): string | undefined {
  const sides = [ofPaper, other].map(sideOf);
  if (sides.some(({ dense, lines }) => dense === undefined && lines.length === 0)) return undefined;
  const domain = rangeOf(
    sides.flatMap(({ dense, lines, paper }) => allMarks(dense, lines, paper)),
    0.02,
  );
  const drawn = drawnMethods.filter((method) =>
    sides.some(({ lines }) => lines.some((line) => line.method === method)),
  );
  const besides = { dense: true, paper: sides.some(({ paper }) => paper.length > 0) };
  const keys = methodLegend(drawn, drawn, besides, width);
  const top = keys.bottom;
  const panels = sides.map(({ result, heading, dense, lines, paper }, i) => {
    const x = i * panel.width;
    const title = `<text x="${x + 16}" y="${top + 14}" font-size="12.5" font-weight="600" fill="${colours.ink}">${escapeXml(heading)}</text>`;
    const size = { width: panel.width, height: panel.height - 18 };
    return `${title}\n${placed(ratioPlot({ all: methodsOf(result), dense, lines, paper, size, domain }), x, top + 18)}`;
  });
  return frame({
    width,
    height: top + panel.height + 8,
    title: `${ofPaper.title}: the paper’s protocol and the ${other.protocol} one`,
    subtitle: `test NLL in nats, lower is better; ${sides.map(({ result }) => runOf(result)).join(' beside ')}`,
    description: `Test negative log-likelihood in nats against the prune ratio, a panel for each protocol. ${sides.map(describe).join('; ')}.`,
    content: [keys.markup, ...panels].join('\n'),
  });
}

function sideOf(result: Result): Side {
  const rows = rowsOf(result);
  const ofPaper = result.protocol === 'paper';
  return {
    result,
    heading: ofPaper ? 'the paper’s: a fixed number of epochs' : `${result.protocol}: dense flow trained to its end`,
    dense: denseMark(rows),
    lines: linesOf(rows, drawnMethods),
    paper: ofPaper ? paperMarks(result) : [],
  };
}

function runOf({ budget, seeds }: Result): string {
  return `${budget} budget, ${seeds.length} ${seeds.length > 1 ? 'seeds' : 'seed'}`;
}

function describe({ result, heading }: Side): string {
  const dense = rowsOf(result).find(({ method }) => method === 'dense')?.testNll;
  return `${heading}, dense ${dense === undefined ? 'without a likelihood' : formatEstimate(dense)}`;
}
