import { percent } from '../plan.ts';
import type { Method } from '../study.ts';
import { heatImage, heatStops, kernelLogDensity } from './heat.ts';
import { escapeXml, frame } from './render.ts';
import { colours } from './theme.ts';

/** One model to draw. */
export interface Drawn {
  readonly method: Method;
  readonly pruneRatio: number;
  /** Test NLL (nats), shown above the panel. */
  readonly testNll: number | null;
  /** [grid, grid] in nats, rows from the lowest y up. */
  readonly logDensity: Float32Array;
  /** [n, 2]. */
  readonly samples: Float32Array;
}

const panel = 168;
const gap = 12;
const left = 78;
const top = 92;
/** Range of the colours, in nats below the highest density. */
const span = 6;

interface Column {
  readonly title: string;
  readonly subtitle: string;
  readonly logDensity: ArrayLike<number>;
  readonly samples: ArrayLike<number>;
}

/**
 * Densities above and samples below, side by side on one scale: the test data, the dense flow, the pruned flows. The data's density is
 * a kernel estimate.
 *
 * @param extent half the side of the square.
 * @param data [n, 2].
 * @returns an SVG file.
 */
export function densityFigure(
  title: string,
  about: string,
  extent: number,
  data: Float32Array,
  models: readonly Drawn[],
): string {
  const side = Math.round(Math.sqrt(models[0]!.logDensity.length));
  const sampleCount = models[0]!.samples.length / 2;
  const columns: Column[] = [
    {
      title: 'data',
      subtitle: 'kernel estimate',
      logDensity: kernelLogDensity(data, side, extent, extent / 40),
      samples: thin(data, sampleCount),
    },
    ...models.map(({ method, pruneRatio, testNll, logDensity, samples }) => ({
      title: method === 'dense' ? 'dense' : method === 'control' ? 'control' : `${method} ${percent(pruneRatio)} %`,
      subtitle: testNll === null ? '' : `test NLL ${testNll.toFixed(3)} nats`,
      logDensity,
      samples,
    })),
  ];
  // The scale is that of the models: a kernel estimate may peak higher or lower, and they are what is compared.
  const highest = Math.max(...models.map(({ logDensity }) => maximum(logDensity)));
  const domain = [Math.ceil(highest * 2) / 2 - span, Math.ceil(highest * 2) / 2] as const;

  const width = left + columns.length * (panel + gap) + 66;
  const height = top + 2 * panel + gap + 56;
  const content = columns.map((column, i) => {
    const x = left + i * (panel + gap);
    return [
      `<text x="${x + panel / 2}" y="${top - 24}" text-anchor="middle" font-size="12.5" font-weight="600" fill="${colours.ink}">${escapeXml(column.title)}</text>`,
      `<text x="${x + panel / 2}" y="${top - 8}" text-anchor="middle" font-size="11" fill="${colours.muted}">${escapeXml(column.subtitle)}</text>`,
      `<image x="${x}" y="${top}" width="${panel}" height="${panel}" preserveAspectRatio="none" xlink:href="${heatImage(column.logDensity, side, domain)}"/>`,
      axes(x, top, extent, { x: false, y: i === 0 }),
      scatter(column.samples, x, top + panel + gap, extent),
      axes(x, top + panel + gap, extent, { x: true, y: i === 0 }),
    ].join('\n');
  });
  const drawn = columns
    .slice(1)
    .map((column) => `${column.title}${column.subtitle === '' ? '' : `, ${column.subtitle}`}`);
  return frame({
    width,
    height,
    title,
    subtitle: about,
    description: `Heat maps of log density (top row) and ${sampleCount} samples each (bottom row) of the data and of the flows: ${drawn.join('; ')}. All heat maps share one colour scale from ${domain[0]} to ${domain[1]} nats.`,
    content: [
      ...content,
      rowLabel('log p(x)', top),
      rowLabel('samples', top + panel + gap),
      colourBar(left + columns.length * (panel + gap) + 6, top, domain),
    ].join('\n'),
  });
}

function maximum(values: ArrayLike<number>): number {
  let highest = -Infinity;
  for (let i = 0; i < values.length; i++) highest = Math.max(highest, values[i]!);
  return highest;
}

/** The first `count` points: both are in random order. */
function thin(points: Float32Array, count: number): Float32Array {
  return points.subarray(0, Math.min(points.length, 2 * count));
}

function rowLabel(text: string, y: number): string {
  return `<text transform="translate(18,${y + panel / 2}) rotate(-90)" text-anchor="middle" font-size="12.5" font-weight="600" fill="${colours.ink}">${text}</text>`;
}

/** A frame with ticks at whole numbers, in units of the normalised data. */
function axes(x: number, y: number, extent: number, labels: { readonly x: boolean; readonly y: boolean }): string {
  const most = Math.floor(extent);
  const ticks = most >= 2 ? [-2, 0, 2] : [-1, 0, 1];
  const at = (value: number): number => ((value + extent) / (2 * extent)) * panel;
  const label = (value: number): string => String(value).replace('-', '−');
  return [
    `<rect x="${x}" y="${y}" width="${panel}" height="${panel}" fill="none" stroke="${colours.muted}" stroke-width="0.75"/>`,
    ...ticks.flatMap((tick) => [
      ...(labels.x
        ? [
            `<line x1="${x + at(tick)}" x2="${x + at(tick)}" y1="${y + panel}" y2="${y + panel + 4}" stroke="${colours.muted}"/>`,
            `<text x="${x + at(tick)}" y="${y + panel + 16}" text-anchor="middle" font-size="10.5" fill="${colours.muted}">${label(tick)}</text>`,
          ]
        : []),
      ...(labels.y
        ? [
            `<line x1="${x - 4}" x2="${x}" y1="${y + panel - at(tick)}" y2="${y + panel - at(tick)}" stroke="${colours.muted}"/>`,
            `<text x="${x - 8}" y="${y + panel - at(tick) + 3.5}" text-anchor="end" font-size="10.5" fill="${colours.muted}">${label(tick)}</text>`,
          ]
        : []),
    ]),
    ...(labels.x
      ? [
          `<text x="${x + panel / 2}" y="${y + panel + 34}" text-anchor="middle" font-size="11" fill="${colours.ink}">x₁ (normalised)</text>`,
        ]
      : []),
    ...(labels.y
      ? [
          `<text transform="translate(${x - 26},${y + panel / 2}) rotate(-90)" text-anchor="middle" font-size="11" fill="${colours.ink}">x₂ (normalised)</text>`,
        ]
      : []),
  ].join('\n');
}

/** All points as one path of dots: a circle each would make the file several times as large. */
function scatter(points: ArrayLike<number>, x: number, y: number, extent: number): string {
  const scale = panel / (2 * extent);
  const dots: string[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const [a, b] = [points[i]!, points[i + 1]!];
    if (!(Math.abs(a) < extent && Math.abs(b) < extent)) continue;
    dots.push(`M${((a + extent) * scale).toFixed(1)} ${((extent - b) * scale).toFixed(1)}h0`);
  }
  return `<path class="samples" transform="translate(${x},${y})" d="${dots.join('')}" fill="none" stroke="${colours.unstructured}" stroke-opacity="0.55" stroke-width="1.8" stroke-linecap="round"/>`;
}

function colourBar(x: number, y: number, [low, high]: readonly [number, number]): string {
  const ticks = [low, (low + high) / 2, high].map((value) => {
    const at = y + panel - ((value - low) / (high - low)) * panel;
    const text = (value === low ? '≤ ' : '') + String(value).replace('-', '−');
    return `<line x1="${x + 12}" x2="${x + 16}" y1="${at}" y2="${at}" stroke="${colours.muted}"/><text x="${x + 19}" y="${at + 3.5}" font-size="10.5" fill="${colours.muted}">${text}</text>`;
  });
  return [
    `<linearGradient id="heat" x1="0" x2="0" y1="1" y2="0">${heatStops()}</linearGradient>`,
    `<rect x="${x}" y="${y}" width="12" height="${panel}" fill="url(#heat)"/>`,
    ...ticks,
    `<text transform="translate(${x + 52},${y + panel / 2}) rotate(-90)" text-anchor="middle" font-size="11" fill="${colours.ink}">log p(x) (nats)</text>`,
  ].join('\n');
}
