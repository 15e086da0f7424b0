import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { writeWhole } from '../results/files.ts';
import { existingResults, readResults } from '../results/read.ts';
import type { Result } from '../results/schema.ts';
import { inspectDirectory } from '../results/store.ts';
import type { ExitCode, Surroundings } from '../surroundings.ts';
import { exitCodes } from '../surroundings.ts';

export const csvName = 'points.csv';

/**
 * Writes all points of all studies as points.csv.
 *
 * @throws UsageError when the directory holds no results.
 */
export function exportPoints(out: string, { stderr }: Surroundings): ExitCode {
  existingResults(out, '--out');
  inspectDirectory(out, []);
  const warn = (path: string, reason: string): void =>
    void stderr.write(`warning: ${path} cannot be used and is left alone: ${reason}\n`);
  const results = readResults(out, warn).map(({ result }) => result);
  writeWhole(join(out, csvName), toCsv(results));
  const count = results.reduce((sum, { points }) => sum + points.length, 0);
  stderr.write(`${count} points of ${results.length} studies are in ${join(out, csvName)}.\n`);
  return exitCodes.ok;
}

/**
 * One row a point, with what identifies its study's run. Quantities have a column each, and one for their standard errors where any
 * has one. Empty where a point has no value; numbers with all their digits.
 */
export function toCsv(results: readonly Result[]): string {
  const rows = results.flatMap(({ study, budget, protocol, backend, points }) =>
    points.map(({ quantities = {}, ...point }) => ({
      study,
      budget,
      protocol,
      backend,
      ...point,
      ...Object.fromEntries(
        Object.entries(quantities).flatMap(([name, { value, standardError }]) => [
          [name, value],
          ...(standardError === null ? [] : [[`${name} (standard error)`, standardError]]),
        ]),
      ),
    })),
  );
  const columns = [...new Set([...leading, ...rows.flatMap((row) => Object.keys(row))])];
  return stringify(rows as Record<string, unknown>[], { header: true, columns });
}

/** The columns that every table has, in this order. */
const leading = [
  'study',
  'variant',
  'budget',
  'protocol',
  'backend',
  'method',
  'pruneRatio',
  'keepRatio',
  'parameters',
  'round',
  'seed',
  'epochs',
  'trainNll',
  'validationNll',
  'testNll',
  'nfeForward',
  'nfeBackward',
  'seconds',
  'status',
  'reason',
  'address',
];
