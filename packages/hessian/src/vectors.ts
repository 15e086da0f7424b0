/** Plain loops over float64 vectors: everything outside the operator's products. */
export function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

export function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

/** y += c · x. */
export function addScaled(y: Float64Array, c: number, x: Float64Array): void {
  for (let i = 0; i < y.length; i++) y[i]! += c * x[i]!;
}

export function scaled(x: Float64Array, c: number): Float64Array {
  return x.map((v) => c * v);
}

/** Makes y orthogonal to orthonormal vectors. Twice is enough (Parlett, The Symmetric Eigenvalue Problem, 6.9). */
export function orthogonalize(y: Float64Array, basis: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) for (const q of basis) addScaled(y, -dot(q, y), q);
}

/** Mean, and the standard error of the mean; the error of one sample is unknown: NaN. */
export function summarize(samples: readonly number[]): { value: number; standardError: number } {
  const n = samples.length;
  const value = samples.reduce((total, x) => total + x, 0) / n;
  const variance = samples.reduce((total, x) => total + (x - value) ** 2, 0) / (n - 1);
  return { value, standardError: Math.sqrt(variance / n) };
}
