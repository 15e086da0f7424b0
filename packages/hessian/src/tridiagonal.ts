/** Eigenvalues, increasing, and for each its eigenvector; `vectors[i][j]` is component j of vector i. */
export interface TridiagonalEigen {
  readonly values: number[];
  readonly vectors: number[][];
}

/**
 * All eigenpairs of a symmetric tridiagonal matrix by the implicit QL method with Wilkinson shifts (Parlett, The Symmetric
 * Eigenvalue Problem, chapter 8; backward stable).
 *
 * @param diagonal length n
 * @param offDiagonal length n - 1
 */
export function tridiagonalEigen(diagonal: readonly number[], offDiagonal: readonly number[]): TridiagonalEigen {
  const n = diagonal.length;
  const d = [...diagonal];
  const e = [...offDiagonal.slice(0, n - 1), 0];
  // rows[i] collects what the rotations make of the i-th unit vector: column j belongs to eigenvalue j.
  const rows = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
  for (let l = 0; l < n; l++) {
    for (;;) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
      if (m === l) break;
      let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      g = d[m]! - d[l]! + e[l]! / (g + Math.sign(g || 1) * Math.hypot(g, 1));
      let s = 1;
      let c = 1;
      let p = 0;
      for (let i = m - 1; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        const shifted = d[i + 1]! - p;
        const t = (d[i]! - shifted) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = shifted + p;
        g = c * t - b;
        for (const row of rows) {
          const high = row[i + 1]!;
          row[i + 1] = s * row[i]! + c * high;
          row[i] = c * row[i]! - s * high;
        }
        if (i === l) {
          d[l]! -= p;
          e[l] = g;
          e[m] = 0;
        }
      }
    }
  }
  const order = d.map((_, i) => i).sort((a, b) => d[a]! - d[b]!);
  return { values: order.map((i) => d[i]!), vectors: order.map((i) => rows.map((row) => row[i]!)) };
}
