import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { DataFileError } from '../errors.ts';
import { checksumOf } from '../fetch/checksum.ts';
import { gunzip } from '../formats/gzip.ts';
import { readPrepared, writeFacts } from '../preparation/readPrepared.ts';
import { spool, writeSplit } from '../preparation/writePrepared.ts';
import type { RowDataset } from '../rows/rows.ts';
import { removeLeftovers, writeWhole, type DataStorage, type StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition, Hdf5Reader } from './definition.ts';
import { findForm, missing, type FoundFile, type FoundForm } from './findFiles.ts';
import { comparePublished, type Comparison } from './published.ts';

/** Part of the name of what is kept: raise it when a preparation changes. */
const PREPARATION = 3;

/** Where a data set is opened. */
export interface OpenOptions {
  /** Where its files may lie, tried in this order; at least one. */
  readonly data: readonly DataStorage[];
  /** Where prepared splits are kept, so that a set is prepared once. */
  readonly cache: DataStorage;
  /** Reads HDF5 files, the official form of BSDS300. `@sparseflow/datasets/node` has one. */
  readonly hdf5?: Hdf5Reader;
}

/**
 * Opens a data set whose files are there. The first time its splits are prepared: in passes over the files, none of which is ever held in
 * memory as a whole. Files are compared with their published checksums: those of the whole set that differ are refused, those with fewer rows
 * are excerpts.
 *
 * @throws {DataFileError} when a file is missing, damaged, or not what it should be; nothing is kept of it.
 * @example
 * ```ts no-run
 * import { openDataset, realDataset } from '@sparseflow/datasets';
 * import { fileStorage } from '@sparseflow/datasets/node';
 *
 * const options = { data: [fileStorage('data')], cache: fileStorage('cache') };
 * const { train, comparable } = await openDataset(realDataset('miniboone'), options);
 * console.log(train.count, comparable); // 29556 true
 * ```
 */
export async function openDataset(definition: DatasetDefinition, options: OpenOptions): Promise<RowDataset> {
  const { data } = options;
  const found = await findForm(definition, data);
  if (!found) throw missing(definition, data);
  try {
    return await openFound(definition, found, options);
  } finally {
    await Promise.all(found.files.map(({ file }) => file.close()));
  }
}

/** Opens the splits of a data set whose files were found, preparing them if need be; `comparison` where files were compared already. @internal */
export async function openFound(
  definition: DatasetDefinition,
  found: FoundForm,
  options: OpenOptions,
  comparison?: Comparison,
): Promise<RowDataset> {
  const { cache } = options;
  const folder = preparedFolder(definition, found);
  const there = await readPrepared(cache, folder);
  if (there) return there;
  await removeLeftovers(cache, folder);
  const { wrong } = comparison ?? (await comparePublished(definition, found));
  await prepare(definition, found, wrong, folder, options);
  return (await readPrepared(cache, folder))!;
}

/** Where the splits are kept: other files have another folder. @internal */
export function preparedFolder({ name }: DatasetDefinition, { files }: FoundForm): string {
  const identity = files.map(({ file: { path, size, modified } }) => ({ path, size, modified }));
  const digest = sha256(new TextEncoder().encode(JSON.stringify([PREPARATION, name, identity])));
  return `prepared/${name}-${bytesToHex(digest).slice(0, 16)}`;
}

async function prepare(
  definition: DatasetDefinition,
  { form, files }: FoundForm,
  wrong: DataFileError | undefined,
  folder: string,
  { cache, hdf5 }: OpenOptions,
): Promise<void> {
  const written: Record<string, string> = {};
  const cleanUps: (() => Promise<void>)[] = [];
  /** The table's own name in messages is the file's that it came from. */
  const temporary = (): string => `${folder}/${crypto.randomUUID()}.tmp`;
  const unpacked = async (file: StoredFile): Promise<StoredFile> => {
    const path = temporary();
    cleanUps.push(() => cache.remove(path));
    await writeWhole(cache, path, async (append) => {
      for await (const bytes of gunzip(file)) await append(bytes);
    });
    const whole = (await cache.open(path))!;
    cleanUps.unshift(() => whole.close());
    return { ...whole, path: file.path, location: whole.path };
  };
  try {
    const opened: StoredFile[] = [];
    for (const { file, gzipped } of files) opened.push(gzipped ? await unpacked(file) : file);
    const facts = await form.prepare({
      files: opened,
      async write(split, shape, pieces) {
        Object.assign(written, await writeSplit(cache, folder, split, shape, pieces));
      },
      async spool(path, columns, pieces) {
        const { table, dispose } = await spool(cache, temporary(), columns, pieces);
        cleanUps.unshift(dispose);
        return {
          ...table,
          path,
          where: (row, column) => `row ${row} of those taken from it, column ${column} (from 0)`,
        };
      },
      ...(hdf5 && { hdf5 }),
    });
    // A file of the published size, of other bytes: no likelihood on it may be compared with a published one.
    if (wrong && facts.reason === undefined) throw wrong;
    const sources: Record<string, string> = {};
    for (const { file } of files) sources[file.path] = await checksumOf(file, 'sha256');
    await writeFacts(cache, folder, definition.name, facts, { sources, files: written });
  } catch (error) {
    // After a refusal of the system splits that were whole stay: another who prepares the same files at once may have come further.
    if (isOf(files, error)) for (const file of Object.keys(written)) await cache.remove(`${folder}/${file}`);
    throw error;
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

/** Whether an error is about what files hold, which is the same for everyone, not about a system that refuses to read them. */
function isOf(files: readonly FoundFile[], error: unknown): boolean {
  if (!(error instanceof DataFileError) || error.problem === 'unreadable') return false;
  return files.some(({ file }) => file.path === error.path);
}
