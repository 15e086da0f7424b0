import { batchesPerEpoch, firstRows, streamBatches } from '@sparseflow/datasets';
import type { Rows } from '@sparseflow/datasets';
import { openFiles } from '../data/findData.ts';
import type { PointConfig } from '../plan.ts';
import { isInFiles } from '../study.ts';
import { toyDataOf } from './model.ts';
import type { PointData } from './pointData.ts';
import { inMemory } from './pointData.ts';
import { pooled } from './pooled.ts';

/** Opens the data of a point; the same for all methods and rounds of a seed. Rows in files are read as they are needed. */
export async function openData(config: PointConfig, dataDir: string | undefined): Promise<PointData> {
  const { data } = config;
  if (!isInFiles(data)) return inMemory(toyDataOf(config));
  const files = await openFiles(data.name, dataDir);
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
