import type { Key, Masks, NeuronGroup, Params } from '@sparseflow/tensor';
import { disposeTree } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { applyMasks, countLive, downloadMasks, uploadMasks } from './masks.ts';
import type { HostMasks } from './masks.ts';
import type { Pruner } from './pruner.ts';
import { reportOf, sizeOfParams } from './report.ts';
import type { SparsityReport } from './report.ts';
import { matchesSome } from './patterns.ts';
import { checkNeeds } from './pruners/require.ts';
import { scoresOf } from './scores.ts';
import type { Scored } from './scores.ts';
import { blockFamily } from './select/blocks.ts';
import { nearest } from './select/family.ts';
import type { Family } from './select/family.ts';
import { neuronFamily } from './select/neurons.ts';
import { weightFamily } from './select/weights.ts';
import { candidatesOf, checkSettings, scopeOf } from './settings.ts';
import type { PruneSettings } from './settings.ts';
import { checkSameShapes, clearUnreadUnits, liveUnits } from './units.ts';

export interface PruneOptions extends PruneSettings {
  /** The share of the *original* size that is kept, in (0, 1]. Size counts all parameters, biases included. */
  readonly keep: number;
  /** For pruners that draw random numbers. */
  readonly key?: Key;
  /** For pruners that look at what the last training did: the parameters before it. */
  readonly before?: Params;
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
 * - Pruners of weights keep exactly ⌊keep · original size⌋ entries in all: everything that is not a candidate, and the best candidates, at
 *   least one of each parameter.
 * - Pruners of neurons keep whole units, and so do not reach every size: the nearest reachable one is chosen, and the report says which it
 *   is. No group loses its last unit. `deadNeurons: 'remove'` and `block` come near in the same way.
 *
 * Selection is done on the host in float64. Equal scores are broken by name (weights: the parameter whose name sorts first; neurons:
 * the group listed first), then the lower index is kept. Equal inputs give equal masks on every backend.
 *
 * Liebenwein, Hasani, Amini, Rus 2021, "Sparse Flows: Pruning Continuous-depth Models", Algorithm 1, one step.
 *
 * @throws {PruningError} when `keep` is not in (0, 1], is above what is left, or is below the smallest reachable ratio; when masks or
 *   neurons do not fit the parameters, or settings the pruner; when the pruner needs what it is not given, or returns anything but a
 *   number per entry or unit. Nothing is left allocated, and what was given is as before.
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
  checkSettings('prune', params, pruner, options);
  checkNeeds(pruner, options);
  if (options.before) checkSameShapes('prune', params, options.before, 'the record of parameters before training');

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

  const scope = scopeOf(params, pruner, options);
  const prunable = neurons.filter(({ name }) => !matchesSome(options.exclude, name));
  const candidates = candidatesOf(params, options);
  const items =
    pruner.target === 'weights'
      ? candidates.map((name) => weightItem(name, params, live))
      : prunable.map((group) => {
          const alive = liveUnits(params, live, group);
          return { name: group.name, size: group.size, isLive: (unit: number) => alive[unit] === 1 };
        });
  const { objective, before } = options;
  const context = {
    masks: masks ?? {},
    neurons: pruner.target === 'weights' ? neurons : prunable,
    candidates,
    key,
    objective,
    before,
  };
  const scores = await scoresOf(pruner, params, masks ?? {}, context, items);

  const { block } = options;
  const choices =
    pruner.target === 'neurons'
      ? neuronFamily(params, live, prunable, scores, scope, counting)
      : block
        ? blockFamily(live, scores, (name) => params[name]!.shape.at(-1) ?? 1, block, scope)
        : weightFamily(live, scores, scope);
  const family =
    pruner.target === 'weights' && deadNeurons === 'remove'
      ? withoutUnread(
          choices,
          params,
          neurons,
          candidates.filter((name) => scope.minKept(name) > 0),
        )
      : choices;
  const smallest = countLive(family.at(0));
  // Single entries meet every budget from there on; coarser choices come near, and may do so from above.
  const exact = pruner.target === 'weights' && deadNeurons === 'keep' && !block;
  if ((exact ? budget : Math.ceil(target)) < smallest && options.unreachable !== 'nearest') {
    throw unreachableError(pruner, options, smallest, originalSize);
  }
  return finish(
    params,
    exact ? family.at(between(0, budget - smallest, family.length - 1)) : nearest(family, target),
    neurons,
  );
}

/** A parameter whose entries are scored. */
export function weightItem(name: string, params: Params, live: HostMasks): Scored {
  return { name, size: params[name]!.size, isLive: (i) => live[name]![i] === 1 };
}

function between(low: number, x: number, high: number): number {
  return Math.min(Math.max(low, x), high);
}

/**
 * The same choices without what nothing reads, from the first on that leaves something of each of the named parameters. That is one of
 * the first: since choices are nested, so is what is left of each.
 */
function withoutUnread(
  family: Family,
  params: Params,
  neurons: readonly NeuronGroup[],
  leave: readonly string[],
): Family {
  const at = (i: number): HostMasks => {
    const masks = family.at(i);
    clearUnreadUnits(params, masks, neurons);
    return masks;
  };
  const all = at(family.length - 1);
  const left = leave.filter((name) => all[name]!.includes(1));
  let low = 0;
  let high = family.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const masks = at(middle);
    if (left.every((name) => masks[name]!.includes(1))) high = middle;
    else low = middle + 1;
  }
  return { length: family.length - low, at: (i) => at(low + i) };
}

function unreachableError(
  pruner: Pruner,
  { keep, counting, deadNeurons, minKept }: PruneOptions,
  smallest: number,
  size: number,
): PruningError {
  const reachesLess = (
    pruner.target === 'neurons'
      ? [counting === 'original' && `{ counting: 'complete' }`]
      : [deadNeurons !== 'remove' && `{ deadNeurons: 'remove' }`, minKept !== 0 && '{ minKept: 0 }']
  ).filter((option) => option !== false);
  const atLeast = `pass at least ${smallest / size}, or { unreachable: 'nearest' }`;
  return new PruningError(
    'prune',
    `keep ${keep} is ${Math.floor(keep * size * SLACK)} entries, but ${smallest} of ${size} cannot be removed`,
    reachesLess.length > 0
      ? `${atLeast}, or ${reachesLess.join(' or ')}, which reach${reachesLess.length > 1 ? '' : 'es'} less`
      : atLeast,
  );
}

export function finish(params: Params, live: HostMasks, neurons: readonly NeuronGroup[]): PruneResult {
  const masks = uploadMasks(params, live);
  try {
    return { params: applyMasks(params, masks), masks, report: reportOf(params, live, neurons) };
  } catch (error) {
    disposeTree(masks);
    throw error;
  }
}
