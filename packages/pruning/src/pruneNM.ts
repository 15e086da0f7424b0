import type { Key, Masks, Params } from '@sparseflow/tensor';
import { PruningError } from './errors.ts';
import { copyMasks, downloadMasks } from './masks.ts';
import { finish, weightItem } from './prune.ts';
import type { PruneResult } from './prune.ts';
import type { Pruner } from './pruner.ts';
import { checkNeeds } from './pruners/require.ts';
import { scoresOf } from './scores.ts';
import { byScore } from './select/order.ts';
import { candidatesOf, checkSettings } from './settings.ts';
import type { PruneSettings } from './settings.ts';
import { checkSameShapes } from './units.ts';

export interface PruneNMOptions extends Pick<PruneSettings, 'candidates' | 'exclude' | 'neurons' | 'objective'> {
  /** At most n entries stay … */
  readonly n: number;
  /** … of every m consecutive ones along the last axis, which for weights [out, in] are the inputs of a unit. */
  readonly m: number;
  readonly key?: Key;
  readonly before?: Params;
}

/**
 * Prunes to an N:M pattern, such as 2:4: of every m consecutive entries of a row, the n that the pruner scores highest stay (Zhou et al.
 * 2021, "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch"). A row whose length is not a multiple of m ends in a
 * shorter set, of which n stay too. What is masked already stays masked. Of equal scores, the lower index is kept. Neither `params` nor `masks`
 * is changed or disposed; the result is the caller's.
 *
 * @throws {PruningError} when n and m are not counts with n ≤ m, for a pruner of neurons, and as `prune` does
 *
 * @example
 * ```ts
 * import { magnitude, pruneNM } from '@sparseflow/pruning';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const params = { weight: tensor([[1, -4, 3, 2]], { backend: createReferenceBackend() }) };
 * const { masks } = await pruneNM(params, undefined, magnitude, { n: 2, m: 4 });
 * console.log(await masks['weight']!.data()); // 0, 1, 1, 0
 * ```
 */
export async function pruneNM(
  params: Params,
  masks: Masks | undefined,
  pruner: Pruner,
  options: PruneNMOptions,
): Promise<PruneResult> {
  const { n, m, neurons = [], key, objective, before } = options;
  if (!(Number.isSafeInteger(n) && Number.isSafeInteger(m) && n >= 1 && m >= n)) {
    throw new PruningError('pruneNM', `the pattern is ${n}:${m}`, 'pass whole numbers with 1 ≤ n ≤ m');
  }
  if (pruner.target === 'neurons') {
    throw new PruningError('pruneNM', `pruner '${pruner.name}' prunes neurons`, 'use a pruner of weights');
  }
  checkSettings('pruneNM', params, pruner, options);
  checkNeeds(pruner, options);
  if (before) checkSameShapes('pruneNM', params, before, 'the record of parameters before training');
  const live = copyMasks(await downloadMasks('pruneNM', params, masks));
  const candidates = candidatesOf(params, options);
  const context = { masks: masks ?? {}, neurons, candidates, key, objective, before };
  const items = candidates.map((name) => weightItem(name, params, live));
  for (const [name, scores] of await scoresOf(pruner, params, masks ?? {}, context, items)) {
    const mask = live[name]!;
    const width = params[name]!.shape.at(-1) ?? 1;
    for (let row = 0; row < mask.length; row += width) {
      for (let start = row; start < row + width; start += m) {
        const set = Array.from({ length: Math.min(m, row + width - start) }, (_, i) => start + i);
        const left = set.filter((i) => mask[i] !== 0);
        for (const at of byScore(left.map((i) => scores[i]!)).subarray(n)) mask[left[at]!] = 0;
      }
    }
  }
  return finish(params, live, neurons);
}
