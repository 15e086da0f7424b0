import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import { DataFileError } from '../errors.ts';
import { endsEarly, runs, type Appender, type DataStorage, type StoredFile } from '../storage/storage.ts';

/**
 * A folder of the file system.
 *
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { fileStorage } from '@sparseflow/datasets/node';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'storage-'));
 * const storage = fileStorage(folder);
 * const file = await storage.append('a/b.txt');
 * await file.write(new TextEncoder().encode('hello'));
 * await file.close();
 * console.log(await storage.list('a')); // ['b.txt']
 * await rm(folder, { recursive: true });
 * ```
 */
export function fileStorage(root: string): DataStorage {
  const at = (path: string): string => join(resolve(root), path);
  return {
    describe: at,
    async open(path) {
      try {
        return storedFile(at(path));
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
        throw refusal(error, 'read', at(path));
      }
    },
    append: (path) => appender(at(path)),
    async rename(from, to) {
      try {
        await rename(at(from), at(to));
        await syncFolder(dirname(at(to)));
      } catch (error) {
        throw refusal(error, 'write', at(to));
      }
    },
    async remove(path) {
      try {
        await rm(at(path), { force: true });
      } catch (error) {
        throw refusal(error, 'write', at(path));
      }
    },
    async list(folder) {
      try {
        const entries = await readdir(at(folder), { withFileTypes: true });
        return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw refusal(error, 'read', at(folder));
      }
    },
  };
}

/** Reads are synchronous: rows of a batch are many small pieces, mostly in the system's cache, where a turn of the event loop costs more. */
function storedFile(path: string): StoredFile {
  const descriptor = openSync(path, 'r');
  const { size, mtimeMs } = fstatSync(descriptor);
  const fill = (into: Uint8Array, offset: number, length: number, position: number): number => {
    let done = 0;
    try {
      while (done < length) {
        const got = readSync(descriptor, into, offset + done, length - done, position + done);
        if (got === 0) break;
        done += got;
      }
    } catch (error) {
      throw refusal(error, 'read', path);
    }
    return done;
  };
  return {
    path,
    size,
    modified: mtimeMs,
    async read(position, length) {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, fill(bytes, 0, length, position));
    },
    async gather(positions, length, into) {
      for (const { first, count } of runs(positions, length)) {
        const position = positions[first]!;
        const done = fill(into, first * length, count * length, position);
        if (done < count * length) throw endsEarly(path, position + done);
      }
    },
    close: async () => closeSync(descriptor),
  };
}

async function appender(path: string): Promise<Appender> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a');
    const { size } = await file.stat();
    return {
      start: size,
      async write(bytes) {
        try {
          await file.appendFile(bytes);
        } catch (error) {
          throw refusal(error, 'write', path);
        }
      },
      async close() {
        try {
          await file.sync();
        } catch (error) {
          throw refusal(error, 'write', path);
        } finally {
          await file.close();
        }
      },
    };
  } catch (error) {
    throw refusal(error, 'write', path);
  }
}

/** Makes a rename durable. Not every system can open a folder; there it is the file system's own affair. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'unknown reason';
}

const ELSEWHERE = 'free space, or choose a folder on another disk';
const PERMISSIONS = 'check the permissions of the file and its folder';

/** What a person can do, by the system's name of the refusal. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: ELSEWHERE,
  EFBIG: 'raise the limit (ulimit -f), or choose another disk',
  EACCES: PERMISSIONS,
  EPERM: PERMISSIONS,
  EROFS: 'choose a folder on a writable disk',
  // Of a quota that is used up Node knows the number only.
  [getSystemErrorName(-constants.errno.EDQUOT)]: `the disk quota is used up: ${ELSEWHERE}`,
};

function refusal(error: unknown, action: 'read' | 'write', path: string): DataFileError {
  if (error instanceof DataFileError) return error;
  const code = codeOf(error);
  const what = [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1] ?? 'the system refuses';
  return new DataFileError(
    action === 'read' ? 'unreadable' : 'unwritable',
    path,
    `cannot ${action} it: ${what} (${code})`,
    REMEDIES[code] ?? 'check the path and the disk',
    { cause: error },
  );
}
