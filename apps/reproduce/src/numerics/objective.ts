import type { Dataset, Split } from '@sparseflow/datasets';
import type { Objective } from '@sparseflow/pruning';
import { fold, scope } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import { rowsOf } from './evaluate.ts';
import { keysOf } from './model.ts';
import type { Task } from './task.ts';

/** Batches that a pruner looks at, and rows of each. */
const batches = 8;
const rows = 32;

/**
 * What pruners that look at data see of a point: gradients of the negative log-likelihood on the first training points, with the noise of
 * the trace fixed for each batch, and the activations of the field at these points. Splits are in random order.
 */
export function objectiveOfPoint(task: Task, { train }: Dataset, config: PointConfig): Objective {
  const count = Math.max(1, Math.min(batches, Math.floor(train.count / rows)));
  const batchOf = (batch: number): Split => rowsOf(train, batch * rows, (batch + 1) * rows);
  return {
    batches: count,
    async gradient(params, batch) {
      const key = fold(keysOf(config).prune, 1 + batch);
      const { loss, grads } = await task.lossAndGrad(params, batchOf(batch), key);
      loss.dispose();
      return grads;
    },
    inputs: (params, batch) => scope(() => task.layerInputs(params, batchOf(batch))),
  };
}
