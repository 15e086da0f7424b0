import type { Key, Masks, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import { disposeTree } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { applyMasks, countLive, downloadMasks, uploadMasks } from './masks.ts';
import type { HostMasks } from './masks.ts';
import type { Pruner } from './pruner.ts';
import { reportOf, sizeOfParams } from './report.ts';
import type { SparsityReport } from './report.ts';
import { scoresOf } from './scores.ts';
import { nearest } from './select/family.ts';
import type { Family } from './select/family.ts';
import { neuronFamily } from './select/neurons.ts';
import type { Counting } from './select/neurons.ts';
import { weightFamily } from './select/weights.ts';
import { checkNeurons, clearUnreadUnits, liveUnits } from './units.ts';

export interface PruneSettings {
  /** The prunable units of the model, such as a field's `neurons`. Needed by pruners of neurons and by `deadNeurons: 'remove'`. */
  readonly neurons?: readonly NeuronGroup[];
  /** Which parameters a pruner of weights may prune. Default: those of rank 2 and more, so no biases. */
  readonly candidates?: (name: string, param: Tensor) => boolean;
  /**
   * What is removed with a neuron. `complete` (default): all that belongs to it. `original`: its bias and gates stay and count, as in the
   * code that produced the published numbers, so that ratios can be compared; the constant that the neuron would then feed forward is
   * dropped, because the weights that read it go in both cases.
   */
  readonly counting?: Counting;
  /**
   * `remove`: a pruner of weights also removes what is left of neurons that no weight reads any more, and the number of weights is chosen
   * for the size after that. Ratios at which the biases alone would exceed the budget become reachable, and the function of the model
   * is not changed by it. Default `keep`.
   */
  readonly deadNeurons?: 'keep' | 'remove';
  /**
   * What to do when the ratio is below the smallest reachable one, or above what is left: `throw` (default), or take the `nearest`
   * reachable one, which is to prune as far as possible, or not at all. The report says what was reached.
   */
  readonly unreachable?: 'throw' | 'nearest';
}

export interface PruneOptions extends PruneSettings {
  /** The share of the *original* size that is kept, in (0, 1]. Size counts all parameters, biases included. */
  readonly keep: number;
  /** For pruners that draw random numbers. */
  readonly key?: Key;
}

export interface PruneResult {
  /** The parameters, exactly zero where masked. All tensors are new. */
  readonly params: Params;
  /** 1 where kept, 0 where pruned, in the parameter's dtype. Parameters that are kept whole have none. */
  readonly masks: Masks;
  readonly report: SparsityReport;
}

/** Products such as 0.3 · 10 may fall short of the integer that is meant by a rounding error; no share is meant that precisely. */
const SLACK = 1 + 2 ** -50;

/**
 * Prunes a model once: removes what the pruner scores lowest. What is masked already stays masked. Neither `params` nor `masks` is changed
 * or disposed; the result is the caller's.
 *
 * - Pruners of weights keep exactly ⌊keep · original size⌋ entries in all: everything that is not a candidate, and the best candidates.
 * - Pruners of neurons keep whole units, and so do not reach every size: the nearest reachable one is chosen, and the report says which it
 *   is. No group loses its last unit. So does `deadNeurons: 'remove'`.
 *
 * Selection is done on the host in float64. Equal scores are broken by name (weights: the parameter whose name sorts first; neurons:
 * the group listed first), then the lower index is kept. Equal inputs give equal masks on every backend.
 *
 * Liebenwein, Hasani, Amini, Rus 2021, "Sparse Flows: Pruning Continuous-depth Models", Algorithm 1, one step.
 *
 * @throws {PruningError} when `keep` is not in (0, 1], is above what is left, or is below the smallest reachable ratio; when masks or
 *   neurons do not fit the parameters; when a pruner returns NaN, or not one score per entry or unit. Nothing is left allocated.
 *
 * @example
 * ```ts
 * import { magnitude, prune } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const dense = { weight: tensor([[0.1, -2], [3, 0.2]], { backend }), bias: tensor([1, 1], { backend }) };
 * const { params, masks, report } = await prune(dense, undefined, magnitude, { keep: 4 / 6 });
 * console.log(await params['weight']!.data()); // 0, -2, 3, 0
 * console.log(await masks['weight']!.data()); // 0, 1, 1, 0
 * console.log(report.size, report.originalSize); // 4, 6
 * ```
 */
export async function prune(
  params: Params,
  masks: Masks | undefined,
  pruner: Pruner,
  options: PruneOptions,
): Promise<PruneResult> {
  const { keep, key, neurons = [], counting = 'complete', deadNeurons = 'keep' } = options;
  const originalSize = sizeOfParams(params);
  if (!(keep > 0 && keep <= 1)) {
    throw new PruningError('prune', `keep is ${keep}`, 'pass the share of the original size to keep, in (0, 1]');
  }
  if (originalSize === 0) throw new PruningError('prune', 'there are no parameters', 'pass the parameters of a model');
  checkNeurons('prune', params, neurons);
  if (neurons.length === 0 && (pruner.target === 'neurons' || deadNeurons === 'remove')) {
    throw new PruningError(
      'prune',
      pruner.target === 'neurons' ? `pruner '${pruner.name}' prunes neurons and got none` : 'no neurons are named',
      'pass { neurons }, such as those of a vector field',
    );
  }

  const live = await downloadMasks('prune', params, masks);
  const currentSize = countLive(live);
  const target = keep * originalSize;
  const budget = Math.floor(target * SLACK);
  if (budget > currentSize && options.unreachable !== 'nearest') {
    throw new PruningError(
      'prune',
      `keep ${keep} is ${budget} entries, more than the ${currentSize} that are left of ${originalSize}`,
      `pass at most ${currentSize / originalSize}, or { unreachable: 'nearest' } to leave it so`,
    );
  }

  const candidates = Object.keys(params)
    .filter((name) => (options.candidates ?? hasRankTwo)(name, params[name]!))
    .sort();
  const items =
    pruner.target === 'weights'
      ? candidates.map((name) => ({ name, size: params[name]!.size, isLive: (i: number) => live[name]![i] === 1 }))
      : neurons.map((group) => {
          const alive = liveUnits(params, live, group);
          return { name: group.name, size: group.size, isLive: (unit: number) => alive[unit] === 1 };
        });
  const context = { masks: masks ?? {}, neurons, candidates, key };
  const scores = await scoresOf(pruner, params, masks ?? {}, context, items);

  const family =
    pruner.target === 'neurons'
      ? neuronFamily(params, live, neurons, scores, pruner.scope, counting)
      : deadNeurons === 'remove'
        ? withoutUnread(weightFamily(live, scores, pruner.scope), params, neurons)
        : weightFamily(live, scores, pruner.scope);
  const smallest = countLive(family.at(0));
  // Single entries meet every budget from there on; coarser choices come near, and may do so from above.
  const exact = pruner.target === 'weights' && deadNeurons === 'keep';
  if ((exact ? budget : Math.ceil(target)) < smallest && options.unreachable !== 'nearest') {
    throw unreachableError(pruner, options, smallest, originalSize);
  }
  return finish(
    params,
    exact ? family.at(between(0, budget - smallest, family.length - 1)) : nearest(family, target),
    neurons,
  );
}

function between(low: number, x: number, high: number): number {
  return Math.min(Math.max(low, x), high);
}

function hasRankTwo(_name: string, { rank }: Tensor): boolean {
  return rank >= 2;
}

function withoutUnread(family: Family, params: Params, neurons: readonly NeuronGroup[]): Family {
  const at = (i: number): HostMasks => {
    const masks = family.at(i);
    clearUnreadUnits(params, masks, neurons);
    return masks;
  };
  return { length: family.length, at };
}

function unreachableError(
  pruner: Pruner,
  { keep, counting, deadNeurons }: PruneOptions,
  smallest: number,
  size: number,
) {
  const atLeast = `pass at least ${smallest / size}, or { unreachable: 'nearest' }`;
  const reachesLess =
    pruner.target === 'neurons'
      ? counting === 'original' && `{ counting: 'complete' }`
      : deadNeurons !== 'remove' && `{ deadNeurons: 'remove' }`;
  return new PruningError(
    'prune',
    `keep ${keep} is ${Math.floor(keep * size * SLACK)} entries, but ${smallest} of ${size} cannot be removed`,
    reachesLess ? `${atLeast}, or ${reachesLess}, which reaches less` : atLeast,
  );
}

function finish(params: Params, live: HostMasks, neurons: readonly NeuronGroup[]): PruneResult {
  const masks = uploadMasks(params, live);
  try {
    return { params: applyMasks(params, masks), masks, report: reportOf(params, live, neurons) };
  } catch (error) {
    disposeTree(masks);
    throw error;
  }
}
