import type { ImageFormat, Rows } from '@sparseflow/datasets';
import { mappedRows } from './mappedRows.ts';

/**
 * Images with `side` × `side` pixels made one: the mean of their intensities, rounded down to a whole number as intensities are, and again with
 * uniform noise, which is that of the first of them. So the rows are (pixel + U[0, 1)) / levels, too.
 */
export function pooled(rows: Rows, { height, width, channels, levels }: ImageFormat, side: number): Rows {
  const [h, w] = [Math.floor(height / side), Math.floor(width / side)];
  return mappedRows(rows, h * w * channels, (image, to) => {
    for (let i = 0; i < to.length; i++) {
      const [c, x, y] = [i % channels, Math.floor(i / channels) % w, Math.floor(i / (channels * w))];
      const at = (dy: number, dx: number): number =>
        levels * image[((y * side + dy) * width + x * side + dx) * channels + c]!;
      let sum = 0;
      for (let k = 0; k < side * side; k++) sum += Math.floor(at(Math.floor(k / side), k % side));
      const first = at(0, 0);
      to[i] = (Math.floor(sum / (side * side)) + first - Math.floor(first)) / levels;
    }
  });
}
