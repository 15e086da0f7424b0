import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { trainedFile } from '../numerics/checkpoints.ts';
import type { StoredPoint } from './files.ts';
import { readArtefact, writeWhole } from './files.ts';
import type { OnUnusable } from './read.ts';
import { namesIn, readPoints } from './read.ts';
import { findSlot } from './slots.ts';
import type { Store } from './store.ts';

/** A finished point of a results directory. */
export interface FoundPoint extends StoredPoint {
  readonly directory: string;
  readonly folder: string;
}

/** Two points of one address with other numbers. */
export interface Conflict {
  readonly first: FoundPoint;
  readonly second: FoundPoint;
}

/** What is to be taken over, decided before anything is written. */
export interface MergePlan {
  readonly points: readonly FoundPoint[];
  readonly conflicts: readonly Conflict[];
}

/**
 * Finds the points of other directories, each once. Equal addresses mean equal configurations, so their numbers must be equal too, but for
 * the time they took.
 *
 * @param directories in order of precedence; the first is the one that is merged into, if it is there.
 */
export function planMerge(directories: readonly string[], onUnusable: OnUnusable): MergePlan {
  const found = new Map<string, FoundPoint>();
  const conflicts: Conflict[] = [];
  for (const directory of directories) {
    for (const stored of readPoints(directory, onUnusable)) {
      const point = { ...stored, directory };
      const before = found.get(point.point.address);
      if (before === undefined) found.set(point.point.address, point);
      else if (!sameNumbers(before, point)) conflicts.push({ first: before, second: point });
    }
  }
  return { points: [...found.values()], conflicts };
}

function sameNumbers({ point: a }: StoredPoint, { point: b }: StoredPoint): boolean {
  return isDeepStrictEqual({ ...a, seconds: 0 }, { ...b, seconds: 0 });
}

/**
 * Copies a point with all that belongs to it: checkpoint, drawing, logs. The point comes last, because it is what says "finished".
 *
 * @returns false when it was there already.
 */
export function takeOver(
  store: Store,
  { directory, folder, config, point }: FoundPoint,
  onUnusable: OnUnusable,
): boolean {
  const { address } = point;
  const [from, to] = [join(directory, folder), join(store.directory, folder)];
  const place = { folder, address, config };
  const isNew = store.loadPoint(place) === undefined;

  const checkpoint = trainedFile(join(from, 'checkpoints'), address, onUnusable);
  const own = trainedFile(join(to, 'checkpoints'), address, onUnusable);
  if (checkpoint.isThere && !own.isThere) writeWhole(own.path, readFileSync(checkpoint.path));
  const artefact = findSlot(
    join(from, 'artefacts'),
    address,
    'json',
    (path) => readArtefact(path, address),
    onUnusable,
  ).value;
  for (const log of logsOf(from, address, onUnusable)) {
    if (!existsSync(join(to, log))) writeWhole(join(to, log), readFileSync(join(from, log)));
  }
  if (isNew || store.loadArtefact(place) === undefined) store.savePoint(place, point, artefact);
  return isNew;
}

/** The logs of a point, relative to its folder. */
function logsOf(folder: string, address: string, onUnusable: OnUnusable): string[] {
  const jsonl = join('logs', `${address}.jsonl`);
  const inFolder = (path: string): string[] => namesIn(join(folder, path), onUnusable).map((name) => join(path, name));
  const events = inFolder('tensorboard')
    .filter((run) => run.endsWith(`-${address.slice(0, 8)}`))
    .flatMap(inFolder);
  return [jsonl, ...events].filter((path) => existsSync(join(folder, path)));
}
