import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { checkValue, parseJson } from './files.ts';
import type { Result } from './schema.ts';
import { resultSchema } from './schema.ts';

/** A study's own result.json, or what nothing says is anything else, that cannot be used. */
class DamagedResult extends Error {}

/** A result.json that is to be made again, and what is wrong with it. */
export interface Damage {
  readonly path: string;
  readonly reason: string;
}

/**
 * Reads a study's result.json.
 *
 * @throws Error that says why it cannot be used.
 */
export function readResult(path: string, study: string): Result {
  const text = readFileSync(path, 'utf8');
  const value = orDamaged(() => parseJson(text));
  checkValue(v.looseObject({ schema: v.literal(1), study: v.literal(study) }), value);
  return orDamaged(() => checkValue(resultSchema, value));
}

function orDamaged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new DamagedResult((error as Error).message, { cause: error });
  }
}

/**
 * Finds the studies' result.json that are damaged: they can be made again from the points.
 *
 * @throws UsageError for one that names another study or another schema, or is no file that can be read: it is not ours to replace.
 */
export function damagedResults(directory: string, studies: readonly string[]): Damage[] {
  return studies.flatMap((study) => {
    const path = join(directory, study, 'result.json');
    if (!existsSync(path)) return [];
    try {
      readResult(path, study);
      return [];
    } catch (error) {
      const reason = (error as Error).message;
      if (error instanceof DamagedResult) return [{ path, reason }];
      throw new UsageError(
        `${path} is in the way: it is not the result of ${study} (${reason})`,
        'move it elsewhere, or choose another --out; finished points are kept beside it',
        { cause: error },
      );
    }
  });
}

/**
 * Moves a damaged result.json out of the way, to the first free of result.damaged.json, result.damaged.1.json and so on: it may hold what
 * the points do not, such as how they were made.
 *
 * @returns its new path.
 */
export function setAside(path: string): string {
  for (let k = 0; ; k++) {
    const aside = join(dirname(path), `result.damaged${k === 0 ? '' : `.${k}`}.json`);
    if (existsSync(aside)) continue;
    renameSync(path, aside);
    return aside;
  }
}
