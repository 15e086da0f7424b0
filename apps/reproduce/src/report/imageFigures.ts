import { PNG } from 'pngjs';
import type { NumberArray } from '../results/files.ts';
import type { Result } from '../results/schema.ts';
import { snapshotsIn } from '../results/snapshots.ts';
import type { Model } from './models.ts';
import { sideBySide } from './models.ts';
import { escapeXml, frame } from './render.ts';
import { runOfSeed } from './runOfSeed.ts';
import { formatNumber } from './statistics.ts';
import { colours } from './theme.ts';

const size = 168;
const gap = 14;
const left = 16;
const top = 100;
/** Grids in a row of a figure, and the space between two rows. */
const perRow = 5;
const below = 52;
/** Pixels between the pictures of a grid. */
const line = 1;

/** Images [n, height, width, 1 or 3], intensities in [0, 1], as a square grid: a PNG in a data URI. */
export function imageGrid({ shape, values }: NumberArray): string {
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

interface Picture {
  readonly title: string;
  readonly under: string;
  readonly grid: NumberArray;
}

/**
 * Samples as grids of images, all from the same noise: of the dense flow while it was trained, and for each pruner of the dense flow, of the
 * pruned ones in the order of pruning, and of the control of the last of them. Images of the test set come first.
 */
export function imageFigures(result: Result, models: readonly Model[]): Map<string, string> {
  const figures = new Map<string, string>();
  const drawn = models.filter(({ artefact }) => artefact.arrays['images'] !== undefined);
  const dense = drawn.find(({ method }) => method === 'dense');
  const data = dense?.artefact.arrays['data'];
  const first: Picture[] = data === undefined ? [] : [{ title: 'data', under: 'of the test set', grid: data }];
  const snapshots = dense === undefined ? [] : snapshotsIn(dense.artefact.arrays);
  if (snapshots.length > 0) {
    const earlier = snapshots.map(({ epoch, images }) => ({
      title: `after ${epoch} ${epoch === 1 ? 'epoch' : 'epochs'}`,
      under: '',
      grid: images,
    }));
    // Reports show figures of a kind from the last name to the first: training, that is, before pruning.
    figures.set(
      'samples-while-training',
      figure(result, 'while it is trained', [...first, ...earlier, pictureOf(dense!)]),
    );
  }
  for (const method of ['unstructured', 'structured'] as const) {
    const shown = sideBySide(drawn, method, Infinity);
    if (shown.length === 0) continue;
    figures.set(`samples-${method}`, figure(result, `under ${method} pruning`, [...first, ...shown.map(pictureOf)]));
  }
  return figures;
}

function pictureOf({ title, point, artefact }: Model): Picture {
  const { bitsPerDim, good5 } = point.quantities ?? {};
  const under = bitsPerDim
    ? `${formatNumber(bitsPerDim.value, 2)} bits/dim`
    : good5
      ? `${formatNumber(good5.value, 1)} % within 5σ`
      : '';
  return { title, under, grid: artefact.arrays['images']! };
}

function figure(result: Result, when: string, pictures: readonly Picture[]): string {
  const columns = Math.min(perRow, pictures.length);
  const rows = Math.ceil(pictures.length / perRow);
  const content = pictures.map(({ title, under, grid }, i) => {
    const x = left + (i % perRow) * (size + gap);
    const y = top + Math.floor(i / perRow) * (size + below);
    const text = (above: number, content: string, style: string): string =>
      `<text x="${x + size / 2}" y="${y - above}" text-anchor="middle" ${style}>${escapeXml(content)}</text>`;
    return [
      text(24, title, `font-size="12.5" font-weight="600" fill="${colours.ink}"`),
      text(8, under, `font-size="11" fill="${colours.muted}"`),
      `<image x="${x}" y="${y}" width="${size}" height="${size}" image-rendering="pixelated" xlink:href="${imageGrid(grid)}"/>`,
    ].join('\n');
  });
  const names = pictures.map(({ title, under }) => (under === '' ? title : `${title} (${under})`));
  return frame({
    width: Math.max(560, left + columns * (size + gap) + 2),
    height: top + rows * (size + below) - below + 16,
    title: `${result.title}: samples ${when}`,
    subtitle: runOfSeed(result, 'all samples start from the same noise'),
    description: `Grids of images: ${names.join(', ')}.`,
    content: content.join('\n'),
  });
}
