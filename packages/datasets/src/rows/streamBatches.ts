import { fold, type Key } from '@sparseflow/tensor';
import { epochPlan, type Batch, type BatchOptions } from '../batches.ts';
import type { Rows } from './rows.ts';
import { shuffle } from './shuffle.ts';

/**
 * Streams shuffled mini-batches of rows that need not fit into memory: like {@link batches}, every epoch visits each row once, in a new
 * order, and starting at a cursor gives exactly the batches that an uninterrupted run would have given. No order is kept: an epoch over
 * a million rows takes no more memory than one over a thousand.
 *
 * Noise and flips of images are fresh in every epoch.
 *
 * @throws {DatasetError} when an option is out of range or no full batch is left by `dropLast`.
 * @throws {DataFileError} while iterating, when a file cannot be read.
 * @example
 * ```ts
 * import { moons, rowsOf, streamBatches } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const rows = rowsOf(moons(key(0)).train);
 * for await (const batch of streamBatches(rows, { key: key(1), batchSize: 500 })) console.log(batch.count); // 500, 422
 * ```
 */
export function streamBatches(rows: Rows, options: BatchOptions): AsyncGenerator<Batch, void, undefined> {
  return stream(rows, options, epochPlan(rows, options));
}

/** Apart from the checks, so that those run when `streamBatches` is called and not at its first batch. */
async function* stream(
  rows: Rows,
  { key, batchSize }: BatchOptions,
  plan: ReturnType<typeof epochPlan>,
): AsyncGenerator<Batch, void, undefined> {
  let order: { readonly epoch: number; readonly at: (position: number) => number; readonly noise: Key } | undefined;
  for (const { cursor, next } of plan) {
    const { epoch, index } = cursor;
    if (order?.epoch !== epoch) {
      const epochKey = fold(key, epoch);
      order = { epoch, at: shuffle(fold(epochKey, 0), rows.count), noise: fold(epochKey, 1) };
    }
    const first = index * batchSize;
    const indices = new Int32Array(Math.min(batchSize, rows.count - first));
    for (let i = 0; i < indices.length; i++) indices[i] = order.at(first + i);
    yield { ...(await rows.take(indices, order.noise)), cursor, next };
  }
}

/**
 * Rows in their own order, `batchSize` at a time: for evaluation.
 *
 * @param options - The key draws the noise of images; the same key gives the same noise whatever the batch size.
 * @throws {DatasetError} when the batch size is not a positive integer, or there are no rows.
 * @throws {DataFileError} while iterating, when a file cannot be read.
 * @example
 * ```ts
 * import { moons, rowsInOrder, rowsOf } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const { test } = moons(key(0));
 * for await (const { points } of rowsInOrder(rowsOf(test), { key: key(1), batchSize: 300 })) {
 *   console.log(points.length); // 600, 424
 * }
 * ```
 */
export async function* rowsInOrder(
  rows: Rows,
  { key, batchSize }: Pick<BatchOptions, 'key' | 'batchSize'>,
): AsyncGenerator<Batch, void, undefined> {
  for (const { cursor, next } of epochPlan(rows, { batchSize })) {
    const first = cursor.index * batchSize;
    const indices = Int32Array.from({ length: Math.min(batchSize, rows.count - first) }, (_, i) => first + i);
    yield { ...(await rows.take(indices, key)), cursor, next };
  }
}
