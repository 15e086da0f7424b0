import { batches, batchesPerEpoch, rowsOf } from '@sparseflow/datasets';
import type { Batch, Dataset, Rows } from '@sparseflow/datasets';
import type { Key } from '@sparseflow/tensor';

/** The data of a point, in memory or in files. */
export interface PointData {
  readonly train: Rows;
  readonly validation: Rows;
  readonly test: Rows;
  /** Present where everything is in memory. */
  readonly whole?: Dataset;
  /**
   * What is to be added to a negative log-likelihood of these rows, in nats, to make it that of the data: log |dx/dz| where they are other
   * coordinates of it, z(x). Zero for most.
   */
  readonly logScale: number;
  /** The training batches of an epoch, from batch `index` on. */
  batches(options: {
    key: Key;
    batchSize: number;
    epoch: number;
    index: number;
  }): Iterable<Batch> | AsyncIterable<Batch>;
  batchesPerEpoch(batchSize: number): number;
  close(): Promise<void>;
}

/** Toy data, as the data of a point. */
export function inMemory(whole: Dataset): PointData {
  const { train, validation, test } = whole;
  return {
    train: rowsOf(train),
    validation: rowsOf(validation),
    test: rowsOf(test),
    whole,
    logScale: 0,
    batches: (options) => batches(train, options),
    batchesPerEpoch: (batchSize) => batchesPerEpoch(train, batchSize),
    close: () => Promise.resolve(),
  };
}
