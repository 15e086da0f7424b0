import { rowsOf } from '@sparseflow/datasets';
import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { pooled } from './pooled.ts';

test('four pixels become the whole part of their mean, with the noise of the first, channel by channel', async () => {
  // One image of 2 × 4 pixels and two channels: pixel p of channel c is 10 p + c, with noise p / 16.
  const points = Float64Array.from({ length: 16 }, (_, i) => {
    const [p, c] = [Math.floor(i / 2), i % 2];
    return (10 * p + c + p / 16) / 256;
  });
  const format = { height: 2, width: 4, channels: 2, levels: 256, alpha: 0 };
  const rows = pooled(rowsOf({ points, count: 1, dim: 16 }), format, 2);
  const split = await rows.take(Int32Array.of(0), key(0));
  // Pixels 0, 1, 4, 5 and 2, 3, 6, 7: means 25 and 45.
  expect([rows.dim, split.dim]).toEqual([4, 4]);
  expect(Array.from(split.points, (x) => x * 256)).toEqual(
    [25, 26, 45 + 2 / 16, 46 + 2 / 16].map((x) => expect.closeTo(x, 10)),
  );
});
