import type { Pruner } from '../pruner.ts';

/**
 * Keeps the weights of largest absolute value over all layers together: the unstructured pruner of Sparse Flows (Liebenwein et al. 2021,
 * Table 1). Needs no data.
 */
export const magnitude: Pruner = {
  name: 'magnitude',
  target: 'weights',
  scope: 'global',
  async score(params, { candidates }) {
    const absolute = async (name: string) => {
      const values = await params[name]!.data();
      const scores = new Float64Array(values.length);
      for (let i = 0; i < values.length; i++) scores[i] = Math.abs(values[i]!);
      return [name, scores] as const;
    };
    return Object.fromEntries(await Promise.all(candidates.map(absolute)));
  },
};
