import { fold, permutation, type Key } from '@sparseflow/tensor';
import { takeRows, type Split } from './dataset.ts';
import { DatasetError } from './errors.ts';

/** A place in the stream of batches: batch `index` of epoch `epoch`, both from 0. With the key it is all that a checkpoint needs. */
export interface Cursor {
  readonly epoch: number;
  readonly index: number;
}

/** Rows of a split, copied, and where they stand in the stream. */
export interface Batch extends Split {
  readonly cursor: Cursor;
  /** The cursor of the batch that follows; pass it to {@link batches} to go on from there. */
  readonly next: Cursor;
}

export interface BatchOptions extends Partial<Cursor> {
  /** Names the order: epoch e is shuffled by `permutation(fold(key, e), count)`. */
  readonly key: Key;
  readonly batchSize: number;
  /** Epochs to visit, the first one included; `Infinity` for no end. Default: 1. */
  readonly epochs?: number;
  /** Leaves out a last batch that is smaller than `batchSize`. Default: false. */
  readonly dropLast?: boolean;
}

/**
 * Streams shuffled mini-batches. Every epoch visits each point once, in a new order that the key and the number of the epoch decide.
 * Nothing depends on what was drawn before: starting at a cursor gives exactly the batches that an uninterrupted run would have given.
 *
 * @param options - `epoch` and `index` (default 0, 0) say where to start; a {@link Cursor} can be spread in.
 * @throws {DatasetError} when an option is out of range or no full batch is left by `dropLast`.
 * @example
 * ```ts
 * import { batches, moons } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const { train } = moons(key(0));
 * const all = [...batches(train, { key: key(1), batchSize: 128, epochs: 2 })];
 * const resumed = [...batches(train, { key: key(1), batchSize: 128, ...all[10]!.next })];
 * console.log(resumed[0]!.points.every((x, i) => x === all[11]!.points[i])); // true
 * ```
 */
export function batches(split: Split, options: BatchOptions): Generator<Batch, void, undefined> {
  return stream(split, options, epochPlan(split, options));
}

/** Apart from the checks, so that those run when `batches` is called and not at its first batch. */
function* stream(
  split: Split,
  { key, batchSize }: BatchOptions,
  plan: ReturnType<typeof epochPlan>,
): Generator<Batch, void, undefined> {
  let order: { readonly epoch: number; readonly rows: Int32Array } | undefined;
  for (const { cursor, next } of plan) {
    const { epoch, index } = cursor;
    if (order?.epoch !== epoch) order = { epoch, rows: permutation(fold(key, epoch), split.count) };
    const rows = order.rows.subarray(index * batchSize, (index + 1) * batchSize);
    yield { ...takeRows(split, rows), cursor, next };
  }
}

/** The places in a stream of batches, one after the other; options are checked when it is called. @internal */
export function epochPlan(
  rows: Pick<Split, 'count'>,
  { batchSize, dropLast = false, epoch = 0, index = 0, epochs = 1 }: Omit<BatchOptions, 'key'>,
): Generator<Pick<Batch, 'cursor' | 'next'>, void, undefined> {
  const perEpoch = batchesPerEpoch(rows, batchSize, dropLast);
  checkNatural('epoch', epoch);
  checkNatural('index', index);
  if (epochs !== Infinity) checkNatural('epochs', epochs);
  if (index >= perEpoch) {
    throw new DatasetError(
      'batches',
      `index ${index} is past the ${perEpoch} batches of an epoch`,
      'resume with the split, batchSize and dropLast that the cursor was made with',
    );
  }
  return places({ epoch, index }, perEpoch, epoch + epochs);
}

function* places(start: Cursor, perEpoch: number, endEpoch: number): ReturnType<typeof epochPlan> {
  let cursor = start;
  while (cursor.epoch < endEpoch) {
    const { epoch, index } = cursor;
    const next = index + 1 < perEpoch ? { epoch, index: index + 1 } : { epoch: epoch + 1, index: 0 };
    yield { cursor, next };
    cursor = next;
  }
}

/**
 * How many batches one epoch has.
 *
 * @throws {DatasetError} when the batch size is not a positive integer, or there is not a single batch.
 * @example
 * ```ts
 * import { batchesPerEpoch, moons } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(batchesPerEpoch(moons(key(0)).train, 128)); // 8
 * ```
 */
export function batchesPerEpoch(split: Pick<Split, 'count'>, batchSize: number, dropLast = false): number {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new DatasetError(
      'batches',
      `batchSize ${batchSize} is not a positive integer`,
      'pass a number of points per batch',
    );
  }
  const exact = split.count / batchSize;
  const n = dropLast ? Math.floor(exact) : Math.ceil(exact);
  if (n === 0) {
    throw new DatasetError(
      'batches',
      `${split.count} points make no batch of ${batchSize}`,
      'lower batchSize, or keep the last batch',
    );
  }
  return n;
}

function checkNatural(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new DatasetError('batches', `${option} ${value} is not a non-negative integer`, `count ${option} from 0`);
  }
}
