import type { Scaling } from './dataset.ts';
import { DatasetError } from './errors.ts';

/** One mean and one unbiased standard deviation over all entries, as the paper normalises: axes keep their relative scale. */
export function scalarScaling(where: string, values: Float64Array): Scaling {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  // Two passes: the naive formula would cancel where the mean is large.
  const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1));
  if (!(std > 0 && std < Infinity)) {
    throw new DatasetError(
      where,
      `the ${n} entries have standard deviation ${std}`,
      'draw more points, or pass normalize: false',
    );
  }
  return { mean, std };
}

export function rescale(values: Float64Array, { mean, std }: Scaling): Float64Array {
  return values.map((x) => (x - mean) / std);
}
