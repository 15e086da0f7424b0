/**
 * The weights of derivatives at `nodes` in the integral from 0 to `theta` of the polynomial through them: of an Adams method with
 * any steps, where nodes are times on the scale of the step (0 its start, 1 its end, negative ones before it), and of its dense
 * output. Exact for polynomials of degree below the number of nodes.
 *
 * Source: the moments ∫ sᵐ ds = θᵐ⁺¹ / (m + 1), solved for the weights by Björck & Pereyra 1970 (Golub & Van Loan, Matrix
 * computations, algorithm 4.6.2), which is accurate although the matrix is not well conditioned.
 */
export function adamsWeights(nodes: readonly number[], theta = 1): number[] {
  const n = nodes.length;
  const w = nodes.map((_, m) => theta ** (m + 1) / (m + 1));
  for (let k = 0; k < n - 1; k++) for (let i = n - 1; i > k; i--) w[i]! -= nodes[k]! * w[i - 1]!;
  for (let k = n - 2; k >= 0; k--) {
    for (let i = k + 1; i < n; i++) w[i]! /= nodes[i]! - nodes[i - k - 1]!;
    for (let i = k; i < n - 1; i++) w[i]! -= w[i + 1]!;
  }
  return w;
}
