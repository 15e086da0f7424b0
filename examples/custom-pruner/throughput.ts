import type { Pruner } from '@sparseflow/pruning';

/**
 * Keeps the neurons through which most can pass: the sum of what leads to a unit times the sum of what reads it,
 * ‖W_in‖₁ · ‖W_out‖₁, the same share in every layer. Needs no data.
 */
export const throughput: Pruner = {
  name: 'throughput',
  target: 'neurons',
  scope: 'local',
  async score(params, { neurons }) {
    const scores: Record<string, number[]> = {};
    for (const { name, size, axes } of neurons) {
      const into = new Array<number>(size).fill(0);
      const outOf = new Array<number>(size).fill(0);
      for (const { param, axis, role } of axes) {
        if (role === 'bias') continue;
        const { shape } = params[param]!;
        const values = await params[param]!.data();
        // Unit i is index i along the axis; entries of one index lie `stride` apart from those of the next.
        const stride = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
        const sums = role === 'out' ? into : outOf;
        values.forEach((w, i) => (sums[Math.floor(i / stride) % size]! += Math.abs(w)));
      }
      scores[name] = into.map((sum, unit) => sum * outOf[unit]!);
    }
    return scores;
  },
};
