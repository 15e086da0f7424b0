import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A file that could be read, or the free name under which to write it. */
export interface Slot<T> {
  readonly path: string;
  readonly value: T | undefined;
}

/**
 * Finds the file NAME.EXTENSION, or, where that is unreadable, NAME.1.EXTENSION and so on. Unreadable files are reported and left
 * alone: they may be somebody's only copy of something, and a new one beside them costs nothing.
 *
 * @param read returns the value, or throws with the reason why the file cannot be used.
 */
export function findSlot<T>(
  directory: string,
  name: string,
  extension: string,
  read: (path: string) => T,
  onUnusable: (path: string, reason: string) => void,
): Slot<T> {
  for (let k = 0; ; k++) {
    const path = join(directory, `${name}${k === 0 ? '' : `.${k}`}.${extension}`);
    if (!existsSync(path)) return { path, value: undefined };
    try {
      return { path, value: read(path) };
    } catch (error) {
      onUnusable(path, error instanceof Error ? error.message : String(error));
    }
  }
}
