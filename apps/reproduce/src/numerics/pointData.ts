import { batches, batchesPerEpoch, firstRows, rowsOf, streamBatches } from '@sparseflow/datasets';
import type { Batch, Dataset, Rows } from '@sparseflow/datasets';
import type { Key } from '@sparseflow/tensor';
import type { OpenFiles } from '../data/findData.ts';
import { openFiles } from '../data/findData.ts';
import type { PointConfig } from '../plan.ts';
import { isInFiles } from '../study.ts';
import { toyDataOf } from './model.ts';
import { pooled } from './pooled.ts';

/** The data of a point, in memory or in files. */
export interface PointData {
  readonly train: Rows;
  readonly validation: Rows;
  readonly test: Rows;
  /** Present where everything is in memory. */
  readonly whole?: Dataset;
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

/** Opens the data of a point; the same for all methods and rounds of a seed. Rows in files are read as they are needed. */
export async function openData(
  config: PointConfig,
  dataDir: string | undefined,
  open: OpenFiles = openFiles,
): Promise<PointData> {
  const { data } = config;
  if (!isInFiles(data)) return inMemory(toyDataOf(config));
  const files = await open(data.name, dataDir);
  const part = (rows: Rows, count: number | undefined): Rows => {
    const some = count === undefined ? rows : firstRows(rows, count);
    return data.pool === undefined ? some : pooled(some, files.image!, data.pool);
  };
  const train = part(files.train, data.rows?.train);
  return {
    train,
    validation: part(files.validation, data.rows?.validation),
    test: part(files.test, data.rows?.test),
    batches: (options) => streamBatches(train, options),
    batchesPerEpoch: (batchSize) => batchesPerEpoch(train, batchSize),
    close: () => files.close(),
  };
}

export function inMemory(whole: Dataset): PointData {
  const { train, validation, test } = whole;
  return {
    train: rowsOf(train),
    validation: rowsOf(validation),
    test: rowsOf(test),
    whole,
    batches: (options) => batches(train, options),
    batchesPerEpoch: (batchSize) => batchesPerEpoch(train, batchSize),
    close: () => Promise.resolve(),
  };
}
