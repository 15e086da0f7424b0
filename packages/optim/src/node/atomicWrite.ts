import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The temporary files of a path are its own name with this before and after. */
const before = (path: string): string => `.${basename(path)}.`;
const AFTER = '.tmp';

/**
 * Replaces a file as a whole: writes a temporary file in the same folder, flushes it to the disk, renames it. Whenever the process or
 * the machine stops, the path holds the old bytes or the new ones. Makes the folder if needed. @internal
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `${before(path)}${randomUUID()}${AFTER}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Makes the rename itself durable. Not every system can open a folder; there it is the file system's own affair. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Removes what killed processes left of their attempts to write `path`. @internal */
export async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder);
  const leftovers = names.filter((name) => name.startsWith(before(path)) && name.endsWith(AFTER));
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { force: true })));
}
