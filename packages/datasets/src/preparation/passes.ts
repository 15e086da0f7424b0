import { DataFileError } from '../errors.ts';
import type { Table } from '../formats/table.ts';
import type { ColumnScaling } from '../rows/rows.ts';

/** Checks every number on its way: what is missing or infinite is named by its row and column. */
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

function checkFinite(values: Float64Array, { path, columns }: Table, rowAt: (index: number) => number): void {
  // A sum is finite when its terms are, unless it overflows, which the search below would then not confirm.
  let sum = 0;
  for (const value of values) sum += value - value;
  if (sum === 0) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new DataFileError(
    'values',
    path,
    `row ${rowAt(Math.floor(at / columns))}, column ${at % columns} (from 0): ${values[at]} is not a finite number`,
    'remove the rows with missing values, or get the file again',
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

/** Rows `first` to `end` of some columns (all by default), normalised. */
export async function* normalised(
  table: Table,
  { mean, std }: ColumnScaling,
  first: number,
  end: number,
  kept: readonly number[] = Array.from({ length: table.columns }, (_, j) => j),
): AsyncGenerator<Float64Array, void, undefined> {
  for await (const piece of table.pass(first, end)) {
    const rows = piece.length / table.columns;
    const out = new Float64Array(rows * kept.length);
    for (let i = 0, k = 0; i < rows; i++) {
      for (const j of kept) out[k++] = (piece[i * table.columns + j]! - mean[j]!) / std[j]!;
    }
    yield out;
  }
}

/** Where the splits of `rows` rows end: the last tenth is for testing, the last tenth of the rest for validation. */
export function tenths(rows: number): { readonly trainEnd: number; readonly validationEnd: number } {
  const validationEnd = rows - Math.floor(0.1 * rows);
  return { trainEnd: validationEnd - Math.floor(0.1 * validationEnd), validationEnd };
}

/** The scaling of some columns. */
export function pickColumns({ mean, std }: ColumnScaling, kept: readonly number[]): ColumnScaling {
  return { mean: Float64Array.from(kept, (j) => mean[j]!), std: Float64Array.from(kept, (j) => std[j]!) };
}
