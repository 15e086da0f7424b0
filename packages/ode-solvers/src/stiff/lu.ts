/** LU factorization in place, with row pivoting; undefined where the matrix is singular. */
export function factorize(a: Float64Array, n: number): Int32Array | undefined {
  const pivots = new Int32Array(n);
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(a[r * n + c]!) > Math.abs(a[best * n + c]!)) best = r;
    if (!(Math.abs(a[best * n + c]!) > 0)) return undefined;
    pivots[c] = best;
    if (best !== c) for (let m = 0; m < n; m++) [a[c * n + m], a[best * n + m]] = [a[best * n + m]!, a[c * n + m]!];
    for (let r = c + 1; r < n; r++) {
      const factor = (a[r * n + c]! /= a[c * n + c]!);
      if (factor !== 0) for (let m = c + 1; m < n; m++) a[r * n + m]! -= factor * a[c * n + m]!;
    }
  }
  return pivots;
}

/** Solves the factorized system in place. */
export function solveFactorized(lu: Float64Array, pivots: Int32Array, x: Float64Array, n: number): void {
  for (let c = 0; c < n; c++) {
    const p = pivots[c]!;
    [x[c], x[p]] = [x[p]!, x[c]!];
  }
  for (let r = 0; r < n; r++) for (let c = 0; c < r; c++) x[r]! -= lu[r * n + c]! * x[c]!;
  for (let r = n - 1; r >= 0; r--) {
    for (let c = r + 1; c < n; c++) x[r]! -= lu[r * n + c]! * x[c]!;
    x[r]! /= lu[r * n + r]!;
  }
}

/** The inverse of a factorized matrix, row by row. */
export function inverseOf(lu: Float64Array, pivots: Int32Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    const column = new Float64Array(n);
    column[c] = 1;
    solveFactorized(lu, pivots, column, n);
    for (let r = 0; r < n; r++) inverse[r * n + c] = column[r]!;
  }
  return inverse;
}
