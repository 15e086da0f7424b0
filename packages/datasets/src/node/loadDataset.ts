import type { RowDataset } from '../rows/rows.ts';
import { realDataset } from '../sets/list.ts';
import { openDataset, type OpenOptions } from '../sets/openDataset.ts';
import { cacheFolder, defaultDataFolder } from './cacheFolder.ts';
import { fileStorage } from './fileStorage.ts';
import { readHdf5 } from './hdf5.ts';

/** Folders of {@link loadDataset}. */
export interface LoadOptions {
  /** Where the files are; what is not there is looked for where `pnpm datasets fetch` puts files. */
  readonly dataDir?: string;
  /** Where prepared splits are kept. Default: `$XDG_CACHE_HOME/sparseflow`. */
  readonly cacheDir?: string;
}

/**
 * Opens a data set that is on this machine: 'power', 'gas', 'hepmass', 'miniboone', 'bsds300', 'mnist' or 'cifar10'. The first time its
 * splits are prepared and kept in the cache. Excerpts are taken, too; `comparable` then is false and `reason` says why.
 *
 * @throws {DatasetError} for a name that is not known.
 * @throws {DataFileError} when a file is missing (the message says which, from where to get it, its checksum and where to put it), damaged,
 *   or not what it should be.
 * @example
 * ```ts no-run
 * import { streamBatches } from '@sparseflow/datasets';
 * import { loadDataset } from '@sparseflow/datasets/node';
 * import { key } from '@sparseflow/tensor';
 *
 * const data = await loadDataset('miniboone', { dataDir: 'data' });
 * for await (const { points, count } of streamBatches(data.train, { key: key(0), batchSize: 1000 })) {
 *   console.log(count, points.length); // 1000 43000
 * }
 * await data.close();
 * ```
 */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<RowDataset> {
  return openDataset(realDataset(name), storageOf(options));
}

/** The folders as `openDataset` and `verifyDataset` take them. @internal */
export function storageOf({ dataDir, cacheDir = cacheFolder() }: LoadOptions): OpenOptions {
  const folders = [...(dataDir === undefined ? [] : [dataDir]), defaultDataFolder()];
  return { data: folders.map(fileStorage), cache: fileStorage(cacheDir), hdf5: readHdf5 };
}
