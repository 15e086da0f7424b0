/// <reference lib="dom" />
/// <reference lib="dom.asynciterable" />
import { DataFileError } from '../errors.ts';
import { endsEarly, runs, type DataStorage, type StoredFile } from './storage.ts';

/**
 * A folder of the browser's own file system (OPFS), which pages of one origin share and which outlives them.
 *
 * @throws {DataFileError} when the browser has none, as in pages that are not served over HTTPS or from localhost.
 * @example
 * ```ts no-run
 * import { openDataset, opfsStorage, realDataset } from '@sparseflow/datasets';
 *
 * const storage = await opfsStorage('datasets');
 * const { train } = await openDataset(realDataset('mnist'), { data: [storage], cache: storage });
 * console.log(train.count); // 54000
 * ```
 */
export async function opfsStorage(folder: string): Promise<DataStorage> {
  const describe = (path: string): string => `opfs:/${folder}/${path}`;
  const root = await attempt('unreadable', describe(''), async () => {
    const origin = await navigator.storage.getDirectory();
    return origin.getDirectoryHandle(folder, { create: true });
  });
  /** The folder of a path, and the name in it. */
  const locate = async (path: string, create: boolean): Promise<[FileSystemDirectoryHandle, string]> => {
    const parts = path.split('/');
    let directory = root;
    for (const part of parts.slice(0, -1)) directory = await directory.getDirectoryHandle(part, { create });
    return [directory, parts.at(-1)!];
  };
  return {
    describe,
    open: (path) =>
      attempt('unreadable', describe(path), async () => {
        const handle = await orUndefined(async () => {
          const [directory, name] = await locate(path, false);
          return directory.getFileHandle(name);
        });
        return handle && storedFile(describe(path), await handle.getFile());
      }),
    append: (path) =>
      attempt('unwritable', describe(path), async () => {
        const [directory, name] = await locate(path, true);
        const handle = await directory.getFileHandle(name, { create: true });
        const { size } = await handle.getFile();
        // The browser writes to a copy, which replaces the file when it is closed.
        const writable = await handle.createWritable({ keepExistingData: true });
        await writable.seek(size);
        let failed = false;
        return {
          start: size,
          write: (bytes) =>
            attempt('unwritable', describe(path), async () => {
              failed = true;
              await writable.write(bytes as Uint8Array<ArrayBuffer>);
              failed = false;
            }),
          // After a write that failed there is nothing to close, and its error is the one to be told.
          close: () => attempt('unwritable', describe(path), () => (failed ? writable.abort() : writable.close())),
        };
      }),
    rename: (from, to) =>
      attempt('unwritable', describe(to), async () => {
        const [source, name] = await locate(from, false);
        const handle = (await source.getFileHandle(name)) as Movable;
        const [target, newName] = await locate(to, true);
        await handle.move(target, newName);
      }),
    remove: (path) =>
      attempt('unwritable', describe(path), async () => {
        await orUndefined(async () => {
          const [directory, name] = await locate(path, false);
          await directory.removeEntry(name);
        });
      }),
    list: (path) =>
      attempt('unreadable', describe(path), async () => {
        const names: string[] = [];
        const directory = await orUndefined(async () => (await locate(`${path}/x`, false))[0]);
        if (directory) {
          for await (const [name, { kind }] of directory.entries()) if (kind === 'file') names.push(name);
        }
        return names;
      }),
  };
}

/** In all browsers with OPFS, and not yet in the compiler's declarations. */
interface Movable extends FileSystemFileHandle {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

function storedFile(path: string, file: File): StoredFile {
  const bytes = async (from: number, length: number): Promise<Uint8Array> =>
    new Uint8Array(await file.slice(from, from + length).arrayBuffer());
  return {
    path,
    size: file.size,
    modified: file.lastModified,
    read: (position, length) => attempt('unreadable', path, () => bytes(position, length)),
    gather: (positions, length, into) =>
      attempt('unreadable', path, async () => {
        for (const { first, count } of runs(positions, length)) {
          const piece = await bytes(positions[first]!, count * length);
          if (piece.length < count * length) throw endsEarly(path, file.size);
          into.set(piece, first * length);
        }
      }),
    close: async () => undefined,
  };
}

async function orUndefined<T>(find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    if ((error as Error).name === 'NotFoundError') return undefined;
    throw error;
  }
}

async function attempt<T>(problem: 'unreadable' | 'unwritable', path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof DataFileError) throw cause;
    const { name } = cause as Error;
    const isFull = name === 'QuotaExceededError';
    throw new DataFileError(
      problem,
      path,
      isFull ? 'the browser gives no more space' : `the browser refuses (${name})`,
      isFull
        ? 'free space, or ask for more with navigator.storage.persist()'
        : 'serve the page over HTTPS, and close other pages that use the file',
      { cause },
    );
  }
}
