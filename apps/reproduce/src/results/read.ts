import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import type { StoredPoint } from './files.ts';
import { readPoint } from './files.ts';
import { readResult } from './resultFile.ts';
import type { Result } from './schema.ts';

export const markerName = '.sparseflow-results.json';
export const marker = { format: 'sparseflow-results', schema: 1 };

/** One study as it lies in the results directory. */
export interface StoredStudy {
  readonly study: string;
  readonly result: Result;
  /** Its figures as SVG, by name. */
  readonly figures: ReadonlyMap<string, string>;
}

/** Takes the path of a file that cannot be used, and why. */
export type OnUnusable = (path: string, reason: string) => void;

/** Whether a directory holds results of this program. */
export function isOurs(directory: string): boolean {
  try {
    const found = JSON.parse(readFileSync(join(directory, markerName), 'utf8')) as Partial<typeof marker>;
    return found.format === marker.format && found.schema === marker.schema;
  } catch {
    return false;
  }
}

/** The studies of a results directory that can be read, by name. */
export function readResults(directory: string, onUnusable: OnUnusable): StoredStudy[] {
  const found: StoredStudy[] = [];
  for (const study of readdirSync(directory).sort()) {
    const path = join(directory, study, 'result.json');
    if (!existsSync(path)) continue;
    try {
      const result = readResult(path, study);
      found.push({ study, result, figures: readFigures(join(directory, study, 'figures'), onUnusable) });
    } catch (error) {
      onUnusable(path, (error as Error).message);
    }
  }
  return found;
}

/** Every finished point of a results directory that can be read, with the folder that it is in. */
export function readPoints(directory: string, onUnusable: OnUnusable): (StoredPoint & { readonly folder: string })[] {
  const found = new Map<string, StoredPoint & { readonly folder: string }>();
  for (const folder of readdirSync(directory).sort()) {
    const points = join(directory, folder, 'points');
    for (const name of namesIn(points, onUnusable)) {
      // ADDRESS.json, or ADDRESS.1.json where that was unreadable.
      const address = /^([0-9a-f]{32})(?:\.\d+)?\.json$/.exec(name)?.[1];
      if (address === undefined) continue;
      const path = join(points, name);
      try {
        const stored = readPoint(path, address);
        if (!found.has(address)) found.set(address, { ...stored, folder });
      } catch (error) {
        onUnusable(path, (error as Error).message);
      }
    }
  }
  return [...found.values()];
}

/** What a folder holds, in order; nothing where it is not there. A file of its name is somebody else's: it is reported and left alone. */
export function namesIn(folder: string, onUnusable: OnUnusable): string[] {
  if (!existsSync(folder)) return [];
  if (statSync(folder).isDirectory()) return readdirSync(folder).sort();
  onUnusable(folder, 'it is not a directory');
  return [];
}

function readFigures(directory: string, onUnusable: OnUnusable): Map<string, string> {
  const figures = new Map<string, string>();
  for (const file of namesIn(directory, onUnusable)) {
    if (file.endsWith('.svg')) figures.set(file.slice(0, -'.svg'.length), readFileSync(join(directory, file), 'utf8'));
  }
  return figures;
}

/**
 * Checks that a directory is there and holds results of this program.
 *
 * @param what names it in the message.
 * @throws UsageError otherwise.
 */
export function existingResults(directory: string, what: string): void {
  if (isOurs(directory)) return;
  const there = existsSync(directory);
  throw new UsageError(
    `${what} ${directory} ${there ? 'holds no results of this program' : 'does not exist'}`,
    'name a directory that `pnpm reproduce` wrote',
  );
}
