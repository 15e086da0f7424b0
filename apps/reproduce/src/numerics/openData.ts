import { batchesPerEpoch, firstRows, streamBatches } from '@sparseflow/datasets';
import type { Rows } from '@sparseflow/datasets';
import { openFiles } from '../data/findData.ts';
import type { PointConfig } from '../plan.ts';
import { isInFiles } from '../study.ts';
import { fitGaussian, logScale, whitened } from './gaussian.ts';
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
  const plain = part(files.train, data.rows?.train);
  const gaussian = data.whitened && (await fitGaussian(plain));
  const inCoordinates = (rows: Rows): Rows => (gaussian ? whitened(rows, gaussian) : rows);
  const train = inCoordinates(plain);
  return {
    train,
    validation: inCoordinates(part(files.validation, data.rows?.validation)),
    test: inCoordinates(part(files.test, data.rows?.test)),
    logScale: gaussian ? logScale(gaussian) : 0,
    batches: (options) => streamBatches(train, options),
    batchesPerEpoch: (batchSize) => batchesPerEpoch(train, batchSize),
    close: () => files.close(),
  };
}
