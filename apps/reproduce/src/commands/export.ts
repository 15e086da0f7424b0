import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { writeWhole } from '../results/files.ts';
import { existingResults, readResults } from '../results/read.ts';
import type { Quantity, Result } from '../results/schema.ts';
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
 * One row a point, with what identifies its study's run, and why it must not be compared with published numbers, if so. Quantities have a column each, and one for their standard errors where any
 * has one. Empty where a point has no value; numbers with all their digits.
 */
export function toCsv(results: readonly Result[]): string {
  const rows = results.flatMap(({ study, budget, protocol, backend, notComparable, points }) =>
    points.map(({ quantities, ...point }): Record<string, string | number | null | undefined> => ({
      study,
      budget,
      protocol,
      backend,
      notComparable,
      ...point,
      ...columnsOf(quantities ?? {}),
    })),
  );
  const columns = [...new Set([...leading, ...rows.flatMap((row) => Object.keys(row))])];
  return stringify(rows, { header: true, columns });
}

function columnsOf(quantities: Readonly<Record<string, Quantity>>): Record<string, number> {
  const columns: Record<string, number> = {};
  for (const [name, { value, standardError }] of Object.entries(quantities)) {
    columns[name] = value;
    if (standardError !== null) columns[`${name} (standard error)`] = standardError;
  }
  return columns;
}

/** The columns that every table has, in this order. */
const leading = [
  'study',
  'variant',
  'budget',
  'protocol',
  'backend',
  'notComparable',
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
