import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { imageGrid } from './imageFigures.ts';

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
