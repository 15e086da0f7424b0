import type { CurvatureOperator } from '../src/index.ts';

/** The matrix, column by column. */
export async function dense(operator: CurvatureOperator): Promise<number[][]> {
  const columns: Float64Array[] = [];
  for (let i = 0; i < operator.dimension; i++) {
    const unit = new Float64Array(operator.dimension);
    unit[i] = 1;
    columns.push(await operator.apply(unit));
  }
  return columns.map((_, i) => columns.map((column) => column[i]!));
}

/** A known matrix as an operator. */
export function matrixOperator(matrix: readonly (readonly number[])[]): CurvatureOperator {
  const n = matrix.length;
  return {
    dimension: n,
    layout: { parts: [{ name: 'all', offset: 0, size: n }], size: n },
    apply: (v) =>
      Promise.resolve(Float64Array.from(matrix, (row) => row.reduce((total, x, j) => total + x * v[j]!, 0))),
  };
}
