import { DataFileError } from '../errors.ts';

/** An open file, read by position. */
export interface StoredFile {
  /** As messages show it. */
  readonly path: string;
  /** Where it lies in the file system if not at `path`, as a copy that goes by the name of what it was made from. */
  readonly location?: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** `length` bytes from `position` on; fewer only where the file ends. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Pieces of `length` bytes, one from each position, one after the other into `into`. */
  gather(positions: ArrayLike<number>, length: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Writes at the end of a file. */
export interface Appender {
  /** Bytes in the file before anything was written. */
  readonly start: number;
  write(bytes: Uint8Array): Promise<void>;
  /** After this the bytes are on the disk. */
  close(): Promise<void>;
}

/**
 * A folder for files that may be large: one of a file system (`fileStorage` of `@sparseflow/datasets/node`), or the browser's own
 * ({@link opfsStorage}). Paths use '/'; folders are made as needed. What the system refuses is a {@link DataFileError}.
 */
export interface DataStorage {
  /** A path as messages show it. */
  describe(path: string): string;
  /** Undefined when there is no such file. */
  open(path: string): Promise<StoredFile | undefined>;
  append(path: string): Promise<Appender>;
  /** Replaces what is at `to`, as a whole or not at all. */
  rename(from: string, to: string): Promise<void>;
  /** Does nothing when there is no such file. */
  remove(path: string): Promise<void>;
  /** Names of the files in a folder; none when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
}

/** What files are called that are not whole yet. */
const unfinished = (): string => `${crypto.randomUUID()}.tmp`;
const UNFINISHED = /(^|\.)[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.tmp$/;

/**
 * Writes a file as a whole: under another name until the last byte is on the disk. If `write` or the disk fails, nothing is left.
 * @internal
 */
export async function writeWhole(
  storage: DataStorage,
  path: string,
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${unfinished()}`;
  try {
    const file = await storage.append(temporary);
    try {
      await write((bytes) => file.write(bytes));
    } finally {
      await file.close();
    }
    await storage.rename(temporary, path);
  } catch (error) {
    await storage.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** Removes what killed processes left of {@link writeWhole}, once it is a day old: a younger file may be another's work. @internal */
export async function removeLeftovers(storage: DataStorage, folder: string): Promise<void> {
  const yesterday = Date.now() - 24 * 3600 * 1000;
  for (const name of await storage.list(folder)) {
    if (!UNFINISHED.test(name)) continue;
    const file = await storage.open(`${folder}/${name}`);
    await file?.close();
    if (file && file.modified < yesterday) await storage.remove(`${folder}/${name}`);
  }
}

/** The file's bytes from first to last, a megabyte at a time. @internal */
export async function* bytesOf(file: StoredFile, from = 0): AsyncGenerator<Uint8Array, void, undefined> {
  const piece = 1 << 20;
  for (let position = from; position < file.size; position += piece) {
    yield await file.read(position, Math.min(piece, file.size - position));
  }
}

/** Runs `use` with an open file, and closes it. @internal */
export async function using<T>(file: StoredFile, use: (file: StoredFile) => Promise<T>): Promise<T> {
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Pieces that follow one another in the file, as one: `count` pieces from piece `first` on. @internal */
export function* runs(
  positions: ArrayLike<number>,
  length: number,
): Generator<{ readonly first: number; readonly count: number }, void, undefined> {
  for (let first = 0; first < positions.length;) {
    let end = first + 1;
    while (end < positions.length && positions[end] === positions[end - 1]! + length) end++;
    yield { first, count: end - first };
    first = end;
  }
}

/** A file that was whole when it was opened. @internal */
export function endsEarly(path: string, end: number): DataFileError {
  return new DataFileError(
    'truncated',
    path,
    `it ends at byte ${end}, too early`,
    'it was cut while in use: make it again',
  );
}
