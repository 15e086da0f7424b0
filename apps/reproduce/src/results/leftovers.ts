import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

// Files are written aside under names of these forms, by write-file-atomic and by the checkpoints' own writer, and then renamed.
const leftover = /^(?:.+\.(?:json|md|html|svg|png|csv)\.\d+|\..+\.safetensors\.[0-9a-f-]{36}\.tmp)$/;

/**
 * Removes what killed runs left half-written in the folders of a results directory. Only to be called while the directory is locked: a
 * file that another run is writing looks the same.
 */
export function removeLeftovers(directory: string): void {
  const folders = [directory, ...subfolders(directory), ...subfolders(directory).flatMap(subfolders)];
  for (const folder of folders) {
    for (const name of readdirSync(folder)) if (leftover.test(name)) rmSync(join(folder, name), { force: true });
  }
}

function subfolders(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(directory, name));
}
