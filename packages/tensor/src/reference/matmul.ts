import { allocate } from '../dtype.ts';
import type { TypedArray } from '../dtype.ts';
import { sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Dense } from './runs.ts';

/** Below this many columns a row update is all overhead, and dot products along k are faster. */
const narrow = 8;

/**
 * [..., m, k] × [..., k, n]. Every product and sum is done in double precision, in a fixed order that depends on the shapes alone.
 * Operands are copied to the layout that the inner loop reads contiguously: O(mk + kn) copies against O(mkn) work.
 */
export function matMul(a: Dense, b: Dense, transposeA: boolean, transposeB: boolean, outShape: Shape): TypedArray {
  const m = outShape[outShape.length - 2]!;
  const n = outShape[outShape.length - 1]!;
  const k = a.shape[a.shape.length - (transposeA ? 2 : 1)]!;
  const batch = sizeOf(outShape.slice(0, -2));
  const out = allocate(a.dtype, batch * m * n);
  for (let i = 0; i < batch; i++) {
    const left = matrix(a.values, i * m * k, m, k, transposeA);
    const c = out.subarray(i * m * n, (i + 1) * m * n);
    if (n < narrow) multiplyByColumns(left, matrix(b.values, i * k * n, n, k, !transposeB), c, m, k, n);
    else multiplyByRows(left, matrix(b.values, i * k * n, k, n, transposeB), c, m, k, n);
  }
  return out;
}

/** The row-major [rows, columns] matrix that begins at `start`; if `stored` transposed, a transposed copy. */
function matrix(values: TypedArray, start: number, rows: number, columns: number, transposed: boolean): TypedArray {
  if (!transposed) return values.subarray(start, start + rows * columns);
  const out = new Float64Array(rows * columns);
  for (let j = 0; j < columns; j++) {
    const from = start + j * rows;
    for (let i = 0, to = j; i < rows; i++, to += columns) out[to] = values[from + i]!;
  }
  return out;
}

/** c = a b with b [k, n]: each row of c is a sum of rows of b. Four rows at once, to touch the accumulator once per eight flops. */
function multiplyByRows(a: TypedArray, b: TypedArray, c: TypedArray, m: number, k: number, n: number): void {
  const row = new Float64Array(n);
  const k4 = k - (k % 4);
  for (let i = 0; i < m; i++) {
    row.fill(0);
    let p = 0;
    let at = i * k;
    for (; p < k4; p += 4, at += 4) {
      const a0 = a[at]!;
      const a1 = a[at + 1]!;
      const a2 = a[at + 2]!;
      const a3 = a[at + 3]!;
      let b0 = p * n;
      let b1 = b0 + n;
      let b2 = b1 + n;
      let b3 = b2 + n;
      for (let j = 0; j < n; j++) {
        row[j]! += a0 * b[b0++]! + a1 * b[b1++]! + a2 * b[b2++]! + a3 * b[b3++]!;
      }
    }
    for (; p < k; p++, at++) {
      const a0 = a[at]!;
      let b0 = p * n;
      for (let j = 0; j < n; j++) row[j]! += a0 * b[b0++]!;
    }
    c.set(row, i * n);
  }
}

/** c = a bᵀ with b [n, k]: each element of c is a dot product. */
function multiplyByColumns(a: TypedArray, b: TypedArray, c: TypedArray, m: number, k: number, n: number): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0, ia = i * k, ib = j * k; p < k; p++) sum += a[ia++]! * b[ib++]!;
      c[i * n + j] = sum;
    }
  }
}
