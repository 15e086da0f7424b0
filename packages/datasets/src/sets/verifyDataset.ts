import { DataFileError } from '../errors.ts';
import { checksumOf } from '../fetch/checksum.ts';
import { readChecksums } from '../preparation/checksums.ts';
import { damaged } from '../preparation/json.ts';
import { using } from '../storage/storage.ts';
import type { DatasetDefinition } from './definition.ts';
import { findForm, missing } from './findFiles.ts';
import { openFound, preparedFolder, type OpenOptions } from './openDataset.ts';
import { comparePublished } from './published.ts';

/** What {@link verifyDataset} found in order. */
export interface Verified {
  /** Files with a published checksum. */
  readonly published: number;
  /** Files that the splits were prepared from. */
  readonly sources: number;
  /** Files that the preparation made. */
  readonly prepared: number;
  /** Rows of the splits. */
  readonly rows: readonly [train: number, validation: number, test: number];
  /** Why likelihoods cannot be compared with published ones; absent where they can. */
  readonly reason?: string;
}

/**
 * Reads every file of a data set to its end: those that it is made from, which are compared with their published checksums where there are
 * any and with those that they had when the splits were prepared, and the prepared ones. What was not prepared yet is. Nothing is removed.
 *
 * @throws {DataFileError} when a file is missing, damaged, or not what it should be.
 * @example
 * ```ts no-run
 * import { realDataset, verifyDataset } from '@sparseflow/datasets';
 * import { fileStorage } from '@sparseflow/datasets/node';
 *
 * const options = { data: [fileStorage('data')], cache: fileStorage('cache') };
 * const { published, rows } = await verifyDataset(realDataset('mnist'), options);
 * console.log(published, rows); // 4 [54000, 6000, 10000]
 * ```
 */
export async function verifyDataset(definition: DatasetDefinition, options: OpenOptions): Promise<Verified> {
  const { data, cache } = options;
  const found = await findForm(definition, data);
  if (!found) throw missing(definition, data);
  try {
    const comparison = await comparePublished(definition, found);
    if (comparison.wrong) throw comparison.wrong;
    const { train, validation, test, reason, close } = await openFound(definition, found, options, comparison);
    await close();
    const folder = preparedFolder(definition, found);
    const { sources, files } = await readChecksums(cache, folder);
    for (const { file } of found.files) {
      const sum = await checksumOf(file, 'sha256');
      if (sum !== sources[file.path]) {
        throw new DataFileError(
          'checksum',
          file.path,
          `its sha256 is ${sum} instead of ${sources[file.path]}, as it was when the splits were prepared from it`,
          `it is damaged: get it again; if it was changed on purpose, remove ${cache.describe(folder)}`,
        );
      }
    }
    for (const [name, written] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      const file = await cache.open(path);
      if (!file) throw damaged(cache.describe(path), 'it is missing');
      const sum = await using(file, () => checksumOf(file, 'sha256'));
      if (sum !== written) throw damaged(file.path, `its sha256 is ${sum} instead of ${written}`);
    }
    return {
      published: comparison.compared,
      sources: found.files.length,
      prepared: Object.keys(files).length,
      rows: [train.count, validation.count, test.count],
      ...(reason !== undefined && { reason }),
    };
  } finally {
    await Promise.all(found.files.map(({ file }) => file.close()));
  }
}
