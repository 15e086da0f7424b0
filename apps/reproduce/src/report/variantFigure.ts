import type { Result } from '../results/schema.ts';
import type { ChainMethod } from '../study.ts';
import { linePath, panelFrame, ticksOf, xOf, yOf } from './panels.ts';
import { frame } from './render.ts';
import type { Row } from './rows.ts';
import { rowsOf } from './rows.ts';
import { formatEstimate } from './statistics.ts';
import { colours } from './theme.ts';
import { byVariant } from './variants.ts';

const perLine = 4;
const width = 158;
const height = 130;
const left = 72;
const top = 112;
const methods = ['random', 'control', 'structured', 'unstructured'] as const;
const names: Readonly<Record<ChainMethod, string>> = {
  unstructured: 'unstructured',
  structured: 'structured',
  random: 'random',
  control: 'control (not pruned)',
};

/**
 * Test NLL against prune ratio, a panel for each setting of a study that compares several, on one scale.
 *
 * @returns an SVG file, or undefined when no point has a likelihood.
 */
export function variantFigure(result: Result): string | undefined {
  const parts = byVariant(result).map(({ label, part }) => ({ label, rows: rowsOf(part) }));
  const values = parts.flatMap(({ rows }) =>
    rows.flatMap(({ testNll }) => (testNll === undefined ? [] : [testNll.mean])),
  );
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!;
  const low = at(0);
  // A setting that fails can be far above all others; the scale is that of those that do not.
  const high = Math.min(at(1), low + 3 * (at(0.8) - low) + 0.05);
  const margin = Math.max(0.01, 0.06 * (high - low));
  const yDomain = [low - margin, high + margin] as const;
  const lines = Math.ceil(parts.length / perLine);
  const columns = Math.min(perLine, parts.length);
  const content = parts.flatMap(({ label, rows }, i) => {
    const panel = {
      x: left + (i % perLine) * (width + 16),
      y: top + Math.floor(i / perLine) * (height + 44),
      width,
      height,
      xDomain: [0, 100],
      yDomain,
    } as const;
    const isLowest = i + perLine >= parts.length;
    const above = rows.filter(({ testNll }) => testNll !== undefined && testNll.mean > yDomain[1]).length;
    return [
      panelFrame(panel, {
        title: label,
        grid: true,
        xTicks: [0, 50, 100],
        ...(isLowest ? { xLabel: 'prune ratio (%)' } : {}),
        ...(i % perLine === 0 ? { yLabel: 'test NLL (nats)' } : { yTicks: ticksOf(yDomain, 4) }),
      }),
      ...methods.flatMap((method) => {
        const marks = rows.filter((row) => row.method === 'dense' || row.method === method).flatMap(markOf);
        const dashes = method === 'control' ? ' stroke-dasharray="2 3"' : '';
        return [
          `<path d="${linePath(panel, marks)}" fill="none" stroke="${colours[method]}" stroke-width="1.75"${dashes}/>`,
          ...marks
            .filter(([ratio, nll]) => ratio > 0 && nll <= yDomain[1])
            .map(
              ([ratio, nll]) =>
                `<circle cx="${xOf(panel, ratio).toFixed(1)}" cy="${yOf(panel, nll).toFixed(1)}" r="2.5" fill="${colours[method]}"/>`,
            ),
        ];
      }),
      ...rows
        .filter(({ method, testNll }) => method === 'dense' && testNll !== undefined && testNll.mean <= yDomain[1])
        .map(
          ({ testNll }) =>
            `<circle cx="${xOf(panel, 0)}" cy="${yOf(panel, testNll!.mean).toFixed(1)}" r="3.5" fill="${colours.dense}"/>`,
        ),
      above === 0
        ? ''
        : `<text x="${panel.x + width - 6}" y="${panel.y + 14}" text-anchor="end" font-size="10" fill="${colours.muted}">↑ ${above} above</text>`,
    ];
  });
  const keys = (['dense', ...methods.toReversed()] as const).map((method, i) => {
    const at = 16 + [0, 76, 186, 282, 436][i]!;
    return `<circle cx="${at + 5}" cy="72" r="4" fill="${colours[method]}"/><text x="${at + 15}" y="76" font-size="12" fill="${colours.ink}">${method === 'dense' ? method : names[method]}</text>`;
  });
  return frame({
    width: Math.max(560, left + columns * (width + 16) + 8),
    height: top + lines * (height + 44) + 14,
    title: result.title,
    subtitle: `${result.study}, ${result.budget} budget, ${result.seeds.length} ${result.seeds.length > 1 ? 'seeds' : 'seed'}; lower is better`,
    description: `Test negative log-likelihood in nats against the prune ratio for each setting. ${parts
      .map(({ label, rows }) => `${label}: ${rows.map(describeRow).join(', ')}`)
      .join('; ')}.`,
    content: [...keys, ...content].join('\n'),
  });
}

function markOf({ pruneRatio, testNll }: Row): (readonly [number, number])[] {
  return testNll === undefined ? [] : [[pruneRatio * 100, testNll.mean]];
}

function describeRow({ method, pruneRatio, testNll }: Row): string {
  return `${method} ${Math.round(pruneRatio * 100)} % ${testNll === undefined ? 'diverged' : formatEstimate(testNll)}`;
}
