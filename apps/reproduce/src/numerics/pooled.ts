import type { ImageFormat, Rows } from '@sparseflow/datasets';

/**
 * Images with `side` × `side` pixels made one: the mean of their intensities, rounded down to a whole number as intensities are, and again with
 * uniform noise, which is that of the first of them. So the rows are (pixel + U[0, 1)) / levels, too.
 */
export function pooled(rows: Rows, { height, width, channels, levels }: ImageFormat, side: number): Rows {
  const [h, w] = [Math.floor(height / side), Math.floor(width / side)];
  const dim = h * w * channels;
  return {
    count: rows.count,
    dim,
    labelled: rows.labelled,
    async take(indices, key) {
      const { points: from, ...split } = await rows.take(indices, key);
      const points = new Float64Array(indices.length * dim);
      for (let n = 0; n < indices.length; n++) {
        for (let i = 0; i < dim; i++) {
          const [c, x, y] = [i % channels, Math.floor(i / channels) % w, Math.floor(i / (channels * w))];
          const at = (dy: number, dx: number): number =>
            levels * from[((n * height + y * side + dy) * width + x * side + dx) * channels + c]!;
          let sum = 0;
          for (let k = 0; k < side * side; k++) sum += Math.floor(at(Math.floor(k / side), k % side));
          const first = at(0, 0);
          points[n * dim + i] = (Math.floor(sum / (side * side)) + first - Math.floor(first)) / levels;
        }
      }
      return { ...split, points, dim };
    },
  };
}
