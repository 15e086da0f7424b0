import { readdirSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { join, relative } from 'node:path';
import { lockName } from './lock.ts';
import { markerName } from './read.ts';

const top = new Set([markerName, lockName, 'index.html', 'points.csv']);
const ofPoint = /^\.?[0-9a-f]{32}\./;
/** What a study's or a data set's folder holds, and which names the entries of each have. */
const contents: Readonly<Record<string, RegExp | undefined>> = {
  'result.json': undefined,
  'table.md': undefined,
  figures: /\.(?:svg|png)$/,
  points: ofPoint,
  artefacts: ofPoint,
  checkpoints: ofPoint,
  logs: ofPoint,
  tensorboard: /-[0-9a-f]{8}$/,
};
const isKnown = (name: string): boolean => Object.hasOwn(contents, name);

/**
 * What lies in a results directory although this program does not write it, such as somebody's notes. Folders of which nothing is known
 * are not looked into.
 *
 * @returns paths relative to the directory.
 */
export function foreignFiles(directory: string): string[] {
  const inFolder = (folder: string): string[] => {
    const entries = entriesOf(folder);
    if (!entries.some(({ name }) => isKnown(name))) return entries.length === 0 ? [] : [folder];
    return entries.flatMap((entry) => {
      if (!isKnown(entry.name)) return [join(folder, entry.name)];
      const names = contents[entry.name];
      if (names === undefined || !entry.isDirectory()) return [];
      const inside = join(folder, entry.name);
      return entriesOf(inside).flatMap(({ name }) => (names.test(name) ? [] : [join(inside, name)]));
    });
  };
  return entriesOf(directory)
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return inFolder(path);
      return top.has(entry.name) ? [] : [path];
    })
    .map((path) => relative(directory, path));
}

function entriesOf(directory: string): Dirent[] {
  return readdirSync(directory, { withFileTypes: true }).sort((a, b) => a.name.localeCompare(b.name));
}
