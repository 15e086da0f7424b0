import { PNG } from 'pngjs';
import type { Result } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import type { Model } from './models.ts';
import { sideBySide } from './models.ts';
import { escapeXml, frame } from './render.ts';
import { formatNumber } from './statistics.ts';
import { colours } from './theme.ts';

const size = 168;
const gap = 14;
const left = 16;
const top = 100;
/** Pixels between the pictures of a grid. */
const line = 1;

/** Images [n, height, width, 1 or 3], intensities in [0, 1], as a square grid: a PNG in a data URI. */
export function imageGrid({ shape, values }: Artefact['arrays'][string]): string {
  const [count, height, width, channels] = shape as [number, number, number, number];
  const side = Math.floor(Math.sqrt(count));
  const png = new PNG({ width: side * (width + line) - line, height: side * (height + line) - line, colorType: 2 });
  png.data.fill(255);
  for (let n = 0; n < side * side; n++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const from = ((n * height + y) * width + x) * channels;
        const row = Math.floor(n / side) * (height + line) + y;
        const at = 4 * (row * png.width + (n % side) * (width + line) + x);
        const level = (c: number): number => Math.round(255 * Math.min(1, Math.max(0, values[from + (c % channels)]!)));
        png.data.set([level(0), level(1), level(2), 255], at);
      }
  return `data:image/png;base64,${PNG.sync.write(png, { colorType: 2 }).toString('base64')}`;
}

/** Grids of images: of the data, and samples of the dense flow, of a pruner at its ratios and of the control of the last of them. */
export function imageFigures(result: Result, models: readonly Model[]): Map<string, string> {
  const figures = new Map<string, string>();
  const drawn = models.filter(({ artefact }) => artefact.arrays['images'] !== undefined);
  const data = drawn.find(({ artefact }) => artefact.arrays['data'])?.artefact.arrays['data'];
  for (const method of ['unstructured', 'structured'] as const) {
    const shown = sideBySide(drawn, method, 3);
    if (shown.length === 0) continue;
    const bits = ({ point }: Model): string => {
      const value = point.quantities?.['bitsPerDim']?.value;
      return value === undefined ? '' : `${formatNumber(value, 2)} bits/dim`;
    };
    const columns = [
      ...(data === undefined ? [] : [{ title: 'data', under: 'of the test set', grid: data }]),
      ...shown.map((model) => ({
        title: model.title,
        under: bits(model),
        grid: model.artefact.arrays['images']!,
      })),
    ];
    const content = columns.map(({ title, under, grid }, i) => {
      const x = left + i * (size + gap);
      const text = (y: number, content: string, style: string): string =>
        `<text x="${x + size / 2}" y="${y}" text-anchor="middle" ${style}>${escapeXml(content)}</text>`;
      return [
        text(top - 24, title, `font-size="12.5" font-weight="600" fill="${colours.ink}"`),
        text(top - 8, under, `font-size="11" fill="${colours.muted}"`),
        `<image x="${x}" y="${top}" width="${size}" height="${size}" image-rendering="pixelated" style="image-rendering:pixelated" xlink:href="${imageGrid(grid)}"/>`,
      ].join('\n');
    });
    figures.set(
      `samples-${method}`,
      frame({
        width: Math.max(560, left + columns.length * (size + gap) + 2),
        height: top + size + 16,
        title: `${result.title}: samples under ${method} pruning`,
        subtitle: `${result.study}, ${result.budget} budget, seed ${result.seed}; all flows start from the same noise`,
        description: `Grids of images: ${columns.map(({ title, under }) => `${title} (${under})`).join(', ')}.`,
        content: content.join('\n'),
      }),
    );
  }
  return figures;
}
