import { magnitude, neuronNorm, prune, randomWeights } from '@sparseflow/pruning';
import type { PruneOptions, Pruner } from '@sparseflow/pruning';
import { disposeTree } from '@sparseflow/tensor';
import type { Masks, Params } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { OwnMethod } from '../study.ts';
import { keysOf } from './model.ts';
import type { Task } from './task.ts';

/** The pruner of each method; none for those that keep everything. */
const ownPruners: Readonly<Record<OwnMethod, Pruner | undefined>> = {
  gaussian: undefined,
  dense: undefined,
  control: undefined,
  unstructured: magnitude,
  structured: neuronNorm,
  random: randomWeights,
};

/** A pruner of `--pruner`, and what it may look at. */
export interface Asked {
  readonly pruner: Pruner;
  readonly seen: Pick<PruneOptions, 'objective' | 'before'>;
}

/**
 * The prune step of Algorithm 1: takes a model to the round's keep ratio. The given tensors are consumed.
 *
 * Weights are removed together with neurons that no weight reads any more, and neurons completely, biases included: otherwise the
 * biases alone would exceed the budget at low ratios. Where even that cannot reach a ratio, the smallest reachable one is taken; the
 * number of parameters says so.
 */
export async function pruneRound(
  task: Task,
  given: { readonly params: Params; readonly masks: Masks },
  config: PointConfig,
  asked?: Asked,
): Promise<{ readonly params: Params; readonly masks: Masks }> {
  const pruner = asked?.pruner ?? ownPruners[config.method as OwnMethod];
  if (pruner === undefined) return given;
  try {
    const { params, masks } = await prune(given.params, given.masks, pruner, {
      keep: config.keepRatio,
      neurons: task.neurons,
      key: keysOf(config).prune,
      deadNeurons: 'remove',
      counting: 'complete',
      unreachable: 'nearest',
      ...(asked?.seen ?? {
        // As the original code, which lets a layer lose all its weights.
        minKept: 0,
      }),
    });
    return { params, masks };
  } finally {
    disposeTree([given.params, given.masks]);
  }
}
