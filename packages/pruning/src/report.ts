import type { Masks, NeuronGroup, Params } from '@sparseflow/tensor';
import { countLive, countOnes, downloadMasks } from './masks.ts';
import type { HostMasks } from './masks.ts';
import { checkNeurons, liveUnits } from './units.ts';

/** How many of something there were, and how many are kept. */
export interface Kept {
  readonly size: number;
  readonly kept: number;
}

/** How sparse a model is. Plain JSON. */
export interface SparsityReport {
  /** Entries of all parameters, biases included. */
  readonly originalSize: number;
  /** Entries that no mask removes. After training those are the non-zero ones; {@link countNonZero} looks at the values. */
  readonly size: number;
  /** size / originalSize */
  readonly keepRatio: number;
  /** Entries, by parameter. */
  readonly parameters: Readonly<Record<string, Kept>>;
  /** Units, by group. A unit counts as kept while some weight leads to it or away from it. */
  readonly neurons: Readonly<Record<string, Kept>>;
}

export function reportOf(params: Params, live: HostMasks, neurons: readonly NeuronGroup[]): SparsityReport {
  const originalSize = sizeOfParams(params);
  const size = countLive(live);
  return {
    originalSize,
    size,
    keepRatio: size / originalSize,
    parameters: Object.fromEntries(
      Object.entries(live).map(([name, mask]) => [name, { size: mask.length, kept: countOnes(mask) }]),
    ),
    neurons: Object.fromEntries(
      neurons.map((group) => [group.name, { size: group.size, kept: countOnes(liveUnits(params, live, group)) }]),
    ),
  };
}

export function sizeOfParams(params: Params): number {
  return Object.values(params).reduce((sum, { size }) => sum + size, 0);
}

/**
 * Says how sparse a masked model is, in all and by parameter and group.
 *
 * @throws {PruningError} when masks or groups do not fit the parameters
 *
 * @example
 * ```ts
 * import { sparsityReport } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { weight: tensor([[1, 2], [3, 4]], { backend }), bias: tensor([0, 0], { backend }) };
 * const report = await sparsityReport(params, { weight: tensor([[1, 0], [0, 1]], { backend }) });
 * console.log(report.size, report.originalSize, report.parameters['weight']!.kept); // 4, 6, 2
 * ```
 */
export async function sparsityReport(
  params: Params,
  masks?: Masks,
  neurons: readonly NeuronGroup[] = [],
): Promise<SparsityReport> {
  checkNeurons('sparsityReport', params, neurons);
  return reportOf(params, await downloadMasks('sparsityReport', params, masks), neurons);
}

/**
 * Counts the entries whose value is not zero and that no mask removes.
 *
 * @throws {PruningError} when the masks do not fit the parameters
 *
 * @example
 * ```ts
 * import { countNonZero } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const params = { weight: tensor([1, 2, 3], { backend }), bias: tensor([0], { backend }) };
 * console.log(await countNonZero(params, { weight: tensor([1, 0, 1], { backend }) })); // 2
 * ```
 */
export async function countNonZero(params: Params, masks?: Masks): Promise<number> {
  const live = await downloadMasks('countNonZero', params, masks);
  const counts = Object.entries(params).map(async ([name, param]) => {
    const values = await param.data();
    return live[name]!.reduce((n, kept, i) => (kept !== 0 && values[i] !== 0 ? n + 1 : n), 0);
  });
  return (await Promise.all(counts)).reduce((sum, n) => sum + n, 0);
}
