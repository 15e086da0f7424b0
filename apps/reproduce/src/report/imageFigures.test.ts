import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { samplePoint, sampleResult } from '../../test/sample.ts';
import type { NumberArray } from '../results/files.ts';
import type { Method } from '../study.ts';
import { imageFigures, imageGrid } from './imageFigures.ts';
import type { Model } from './models.ts';
import { toPng } from './render.ts';

/** One grey pixel. */
const images: NumberArray = { shape: [1, 1, 1, 1], values: Float32Array.of(0.5) };

const model = (method: Method, pruneRatio: number, arrays: Readonly<Record<string, NumberArray>> = {}): Model => ({
  method,
  pruneRatio,
  title: method === 'dense' ? 'dense' : `${method} ${100 * pruneRatio} %`,
  point: {
    ...samplePoint(method, pruneRatio, 1, 0, 1),
    quantities: { bitsPerDim: { value: 2, standardError: null } },
  },
  artefact: { extent: 1, arrays: { images, ...arrays } },
});

test('images lie in a grid with a line between, grey or in colours, and intensities beyond the range are cut off', () => {
  const pixels = (values: number[], channels: number): PNG => {
    const shape = [4, 1, 1, channels];
    const uri = imageGrid({ shape, values: Float32Array.from(values) });
    return PNG.sync.read(Buffer.from(uri.replace('data:image/png;base64,', ''), 'base64'));
  };
  const grey = pixels([0, 0.5, 1, 7], 1);
  expect([grey.width, grey.height]).toEqual([3, 3]);
  const at = (png: PNG, x: number, y: number): number[] => [...png.data.subarray(4 * (3 * y + x), 4 * (3 * y + x) + 3)];
  expect([at(grey, 0, 0), at(grey, 1, 0), at(grey, 2, 0)]).toEqual([
    [0, 0, 0],
    [255, 255, 255],
    [128, 128, 128],
  ]);
  expect(at(grey, 2, 2)).toEqual([255, 255, 255]);
  const colours = pixels([1, 0, 0, 0, 1, 0, 0, 0, 1, -1, 0, 0], 3);
  expect([at(colours, 0, 0), at(colours, 2, 0), at(colours, 0, 2)]).toEqual([
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ]);
});

test('pixels keep their edges in the figure’s PNG', () => {
  const images: NumberArray = { shape: [1, 1, 2, 1], values: Float32Array.of(0, 1) };
  const models = [model('dense', 0, { images, 'images-1': images })];
  const png = PNG.sync.read(Buffer.from(toPng(imageFigures(sampleResult(1), models).get('samples-while-training')!)));
  // The first grid at two device pixels a unit: 168 units from x = 16, y = 100, half of them black.
  const row = Array.from({ length: 336 }, (_, x) => png.data[4 * (368 * png.width + 32 + x)]);
  expect(new Set(row.slice(0, 167))).toEqual(new Set([0]));
  expect(new Set(row.slice(169))).toEqual(new Set([255]));
});

test('figures show the data, training and pruning in their order, every ratio, and as many rows as that takes', () => {
  const ratios = [0.25, 0.5, 0.75];
  const models = [
    // An object lists its keys in the order in which they came.
    model('dense', 0, { data: images, 'images-16': images, 'images-1': images, 'images-2': images }),
    ...(['unstructured', 'control'] as const).flatMap((method) => ratios.map((ratio) => model(method, ratio))),
  ];
  const figures = imageFigures(sampleResult(1), models);
  expect([...figures.keys()]).toEqual(['samples-while-training', 'samples-unstructured']);
  const titles = (name: string): string[] =>
    [
      ...figures.get(name)!.matchAll(/<text x="[\d.]+" y="[\d.]+" text-anchor="middle" font-size="12.5".*?>(.*?)</g),
    ].map(([, title]) => title!);
  expect(titles('samples-while-training')).toEqual([
    'data',
    'after 1 epoch',
    'after 2 epochs',
    'after 16 epochs',
    'dense',
  ]);
  const pruned = ratios.map((ratio) => `unstructured ${100 * ratio} %`);
  expect(titles('samples-unstructured')).toEqual(['data', 'dense', ...pruned, 'control 75 %']);
  const places = [...figures.get('samples-unstructured')!.matchAll(/<image x="(\d+)" y="(\d+)"/g)];
  expect(places.map(([, x, y]) => [Number(x), Number(y)])).toEqual([
    ...[0, 1, 2, 3, 4].map((i) => [16 + 182 * i, 100]),
    [16, 100 + 168 + 52],
  ]);
});
