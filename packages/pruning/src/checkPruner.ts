import { affine, disposeTree, key, mapTree } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { PruningError } from './errors.ts';
import { prune } from './prune.ts';
import type { PruneOptions } from './prune.ts';
import type { Pruner } from './pruner.ts';
import { chain, chainObjective } from './trial.ts';

/**
 * Tries a pruner on a small network of its own, twice and once more on what is then left: a test of a pruner in any test runner, which takes
 * milliseconds. The pruner gets what it says it `needs`, and no more.
 *
 * @throws {PruningError} when it does not score every entry or unit by a number, scores otherwise when asked again, or leaves tensors behind.
 *   What the pruner throws passes through.
 *
 * @example
 * ```ts
 * import { checkPruner } from '@sparseflow/pruning';
 * import type { Pruner } from '@sparseflow/pruning';
 *
 * const dice: Pruner = {
 *   name: 'dice',
 *   target: 'neurons',
 *   scope: 'local',
 *   score: (_, { neurons }) => Object.fromEntries(neurons.map(({ name, size }) => [name, Array.from({ length: size }, Math.random)])),
 * };
 * await checkPruner(dice).catch((error: Error) => console.log(error.message)); // pruner 'dice': it scores otherwise when asked again …
 * ```
 */
export async function checkPruner(pruner: Pruner): Promise<void> {
  const backend = createReferenceBackend();
  const { params, neurons } = chain(backend, [3, 8, 6, 2]);
  // As if training had doubled them.
  const before = mapTree(params, (x) => affine(x, 0.5, 0));
  const needs = (need: string): boolean => (pruner.needs ?? []).some((given) => given === need);
  const settings: Omit<PruneOptions, 'keep'> = {
    neurons,
    ...(needs('key') && { key: key(0) }),
    ...((needs('objective') || needs('inputs')) && { objective: chainObjective() }),
    ...(needs('before') && { before }),
  };

  const first = await prune(params, undefined, pruner, { keep: 0.7, ...settings });
  const again = await prune(params, undefined, pruner, { keep: 0.7, ...settings });
  const refuse = (what: string, remedy: string): never => {
    throw new PruningError(`pruner '${pruner.name}'`, what, remedy);
  };
  if ((await valuesOf(first.masks)) !== (await valuesOf(again.masks))) {
    refuse('it scores otherwise when asked again', 'draw random numbers by the key of the context (needs: ["key"])');
  }
  const second = await prune(first.params, first.masks, pruner, { keep: 0.4, ...settings });
  disposeTree([first, again, second].flatMap(({ params, masks }) => [params, masks]));
  disposeTree([params, before]);
  if (backend.liveBuffers() > 0) {
    refuse(`it leaves ${backend.liveBuffers()} tensors behind`, 'compute within scope(() => …) of @sparseflow/tensor');
  }
}

/** What a record holds, as something to compare. */
async function valuesOf(record: Params): Promise<string> {
  const entries = Object.entries(record).map(async ([name, x]) => [name, Array.from(await x.data())] as const);
  return JSON.stringify(await Promise.all(entries));
}
