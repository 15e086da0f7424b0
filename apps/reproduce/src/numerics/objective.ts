import { firstRows, readRows } from '@sparseflow/datasets';
import type { Split } from '@sparseflow/datasets';
import type { Objective } from '@sparseflow/pruning';
import type { Params } from '@sparseflow/tensor';
import { fold, scope } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import { rowsOf } from './evaluate.ts';
import { keysOf } from './model.ts';
import type { PointData } from './pointData.ts';
import type { Task } from './task.ts';

/** Batches that a pruner looks at, and rows of each. */
const batches = 8;
const rows = 32;

/**
 * What pruners that look at data see of a point: gradients of the negative log-likelihood on the first training points, with the noise of
 * the trace fixed for each batch, and the activations of the field at these points. Splits are in random order.
 */
export async function objectiveOfPoint(task: Task, data: PointData, config: PointConfig): Promise<Objective> {
  // In memory all rows are; of files the first are read.
  const train = data.whole?.train ?? (await readRows(firstRows(data.train, batches * rows), keysOf(config).prune));
  const count = Math.max(1, Math.min(batches, Math.floor(train.count / rows)));
  const batchOf = (batch: number): Split => rowsOf(train, batch * rows, (batch + 1) * rows);
  return {
    batches: count,
    rows: Math.min(rows, train.count),
    async gradient(params, batch) {
      const key = fold(keysOf(config).prune, 1 + batch);
      const { loss, grads } = await task.lossAndGrad(params, batchOf(batch), key);
      loss.dispose();
      return grads;
    },
    ...(task.layerInputs && {
      inputs: (params: Params, batch: number) => scope(() => task.layerInputs!(params, batchOf(batch))),
    }),
  };
}
