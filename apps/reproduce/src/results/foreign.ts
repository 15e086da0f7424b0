import { readdirSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { join, relative } from 'node:path';
import { lockName } from './lock.ts';
import { markerName } from './read.ts';

const top = new Set([markerName, lockName, 'index.html', 'points.csv']);
const ofPoint = /^\.?[0-9a-f]{32}\./;
/** The files of a study's folder. */
const ofStudy = /^(?:result(?:\.damaged(?:\.\d+)?)?\.json|table\.md)$/;
/** The folders in a study's or a data set's folder, and which names the entries of each have. */
const contents: Readonly<Record<string, RegExp>> = {
  figures: /\.(?:svg|png)$/,
  points: ofPoint,
  artefacts: ofPoint,
  checkpoints: ofPoint,
  logs: ofPoint,
  tensorboard: /-[0-9a-f]{8}$/,
};
/** A folder may also be a link to one on another disk. */
const isKnown = (entry: Dirent): boolean =>
  Object.hasOwn(contents, entry.name) ? !entry.isFile() : ofStudy.test(entry.name) && !entry.isDirectory();

/**
 * What lies in a results directory although this program does not write it, such as somebody's notes. Folders of which nothing is known
 * are not looked into.
 *
 * @returns paths relative to the directory.
 */
export function foreignFiles(directory: string): string[] {
  const inFolder = (folder: string): string[] => {
    const entries = entriesOf(folder);
    if (!entries.some(isKnown)) return entries.length === 0 ? [] : [folder];
    return entries.flatMap((entry) => {
      const path = join(folder, entry.name);
      if (!isKnown(entry)) return [path];
      if (!entry.isDirectory()) return [];
      return entriesOf(path).flatMap(({ name }) => (contents[entry.name]!.test(name) ? [] : [join(path, name)]));
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
