import { DataFileError } from '../errors.ts';
import { fitsFloat32, whereIn, type Table } from '../formats/table.ts';
import type { ColumnScaling } from '../rows/rows.ts';

/**
 * Checks every number on its way: what is missing, or what float32 does not hold, is named by its row and column. Sums of squares of the
 * others are finite in float64, so that means and standard deviations are, too.
 */
export function finite(table: Table): Table {
  return {
    ...table,
    async *pass(first = 0, end = table.rows) {
      let row = first;
      for await (const piece of table.pass(first, end)) {
        checkFinite(piece, table, (i) => row + i);
        row += piece.length / table.columns;
        yield piece;
      }
    },
    async take(rows) {
      const values = await table.take(rows);
      checkFinite(values, table, (i) => rows[i]!);
      return values;
    },
  };
}

function checkFinite(values: Float64Array, table: Table, rowAt: (index: number) => number): void {
  const at = values.findIndex((value) => !fitsFloat32(value));
  if (at < 0) return;
  const value = values[at]!;
  throw new DataFileError(
    'values',
    table.path,
    `${whereIn(table, rowAt(Math.floor(at / table.columns)), at % table.columns)}: ${value} is ${Number.isFinite(value) ? 'beyond the range of float32' : 'not a finite number'}`,
    'correct the row or remove it, or get the file again',
  );
}

/** Refuses a table of another width. */
export function requireColumns<T extends Table>(table: T, columns: number, what: string): T {
  if (table.columns !== columns) {
    throw new DataFileError(
      'columns',
      table.path,
      `${table.columns} columns instead of ${columns}`,
      `give the file with ${what}`,
    );
  }
  return table;
}

/**
 * Mean and standard deviation of each column over rows `first` to `end`, in two passes. Sums run from row to row in float64, which is also
 * numpy's order for a C-ordered matrix.
 *
 * @param ddof - Subtracted from the number of rows in the variance's divisor.
 */
export async function columnMoments(table: Table, first: number, end: number, ddof: 0 | 1): Promise<ColumnScaling> {
  const { columns } = table;
  const count = end - first;
  const mean = new Float64Array(columns);
  for await (const piece of table.pass(first, end)) {
    for (let k = 0; k < piece.length; k += columns) for (let j = 0; j < columns; j++) mean[j]! += piece[k + j]!;
  }
  for (let j = 0; j < columns; j++) mean[j]! /= count;
  const std = new Float64Array(columns);
  for await (const piece of table.pass(first, end)) {
    for (let k = 0; k < piece.length; k += columns) {
      for (let j = 0; j < columns; j++) {
        const deviation = piece[k + j]! - mean[j]!;
        std[j]! += deviation * deviation;
      }
    }
  }
  for (let j = 0; j < columns; j++) {
    std[j] = Math.sqrt(std[j]! / (count - ddof));
    if (!(std[j]! > 0)) {
      throw new DataFileError(
        'values',
        table.path,
        `column ${j} (from 0) has standard deviation ${std[j]} over ${count} rows`,
        'give a file with more rows',
      );
    }
  }
  return { mean, std };
}

/**
 * Rows `first` to `end` of some columns (all by default), normalised.
 *
 * @throws {DataFileError} for a number so many deviations from the mean that float32 does not hold them.
 */
export async function* normalised(
  table: Table,
  { mean, std }: ColumnScaling,
  first: number,
  end: number,
  kept: readonly number[] = Array.from({ length: table.columns }, (_, j) => j),
): AsyncGenerator<Float64Array, void, undefined> {
  let row = first;
  for await (const piece of table.pass(first, end)) {
    const out = new Float64Array((piece.length / table.columns) * kept.length);
    for (let from = 0, k = 0; from < piece.length; from += table.columns, row++) {
      for (const j of kept) {
        const value = (piece[from + j]! - mean[j]!) / std[j]!;
        if (!fitsFloat32(value)) {
          throw new DataFileError(
            'values',
            table.path,
            `${whereIn(table, row, j)}: ${piece[from + j]} is ${value} standard deviations from the mean, beyond the range of float32`,
            'correct the row or remove it, or get the file again',
          );
        }
        out[k++] = value;
      }
    }
    yield out;
  }
}

/** What has rows, and a name in messages. */
type Named = Pick<Table, 'path' | 'rows'>;

/** @throws {DataFileError} for fewer rows than leave none of the splits that are made of them empty. */
export function requireRows({ path, rows }: Named, least: number): void {
  if (rows >= least) return;
  throw new DataFileError(
    'rows',
    path,
    `it has ${rows} of the ${least} rows that it takes for no split to be empty`,
    'give a file with more rows',
  );
}

/** Where the last tenth of the rows begins, which is for validation. */
export function lastTenth({ path, rows }: Named): number {
  requireRows({ path, rows }, 10);
  return rows - Math.floor(0.1 * rows);
}

/** Where splits end: the last tenth of the rows is for testing, the last tenth of the rest for validation. */
export function tenths({ path, rows }: Named): { readonly trainEnd: number; readonly validationEnd: number } {
  // Of 10 rows, 9 are left without those for testing, and a tenth of them is none.
  requireRows({ path, rows }, 11);
  const validationEnd = lastTenth({ path, rows });
  return { trainEnd: lastTenth({ path, rows: validationEnd }), validationEnd };
}

/** The scaling of some columns. */
export function pickColumns({ mean, std }: ColumnScaling, kept: readonly number[]): ColumnScaling {
  return { mean: Float64Array.from(kept, (j) => mean[j]!), std: Float64Array.from(kept, (j) => std[j]!) };
}
