import { createHash } from 'node:crypto';
import { DataFileError, DatasetError } from '@sparseflow/datasets';
import type { RowDataset, Rows } from '@sparseflow/datasets';
import { loadDataset } from '@sparseflow/datasets/node';
import { key } from '@sparseflow/tensor';
import { UsageError } from '../errors.ts';
import type { FileData, FoundData } from '../study.ts';

/** Rows of each split that enter the fingerprint. */
const sampled = 256;

/** Opens the files of a data set, which are looked for in the folder first. */
export function openFiles(name: FileData['name'], dataDir: string | undefined): Promise<RowDataset> {
  return loadDataset(name, dataDir === undefined ? {} : { dataDir });
}

/**
 * Finds the files of a data set, and what they hold.
 *
 * @throws UsageError when they are missing, damaged, or not what they should be, with what to do.
 */
export async function findData(name: FileData['name'], dataDir: string | undefined): Promise<FoundData> {
  try {
    const data = await openFiles(name, dataDir);
    try {
      const { train, validation, test, reason = null } = data;
      return {
        fingerprint: await fingerprintOf([train, validation, test]),
        train: train.count,
        validation: validation.count,
        test: test.count,
        reason,
      };
    } finally {
      await data.close();
    }
  } catch (error) {
    if (!(error instanceof DataFileError || error instanceof DatasetError)) throw error;
    const what = error.message.replace(/\. To fix: .*$/s, '');
    throw new UsageError(`${name}: ${oneLine(what)}`, oneLine(error.remedy), { cause: error });
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

/** Of rows that lie all over the splits, so that other contents have another fingerprint without all being read. */
async function fingerprintOf(splits: readonly Rows[]): Promise<string> {
  const hash = createHash('sha256');
  for (const rows of splits) {
    const count = Math.min(sampled, rows.count);
    const places = Int32Array.from({ length: count }, (_, i) => Math.floor((i * rows.count) / count));
    const { points } = await rows.take(places, key(0));
    hash.update(`${rows.count} ${rows.dim};`).update(new Uint8Array(Float32Array.from(points).buffer));
  }
  return hash.digest('hex').slice(0, 32);
}
