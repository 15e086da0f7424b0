import type { Rows } from '@sparseflow/datasets';

/** Rows of `dim` numbers that are computed from those of others: `compute` reads one and fills the other. Labels stay. */
export function mappedRows(rows: Rows, dim: number, compute: (from: Float64Array, to: Float64Array) => void): Rows {
  return {
    count: rows.count,
    dim,
    labelled: rows.labelled,
    async take(indices, key) {
      const { points: from, ...split } = await rows.take(indices, key);
      const points = new Float64Array(indices.length * dim);
      for (let n = 0; n < indices.length; n++)
        compute(from.subarray(n * rows.dim, (n + 1) * rows.dim), points.subarray(n * dim, (n + 1) * dim));
      return { ...split, points, dim };
    },
  };
}
