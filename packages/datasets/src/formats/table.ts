/** A matrix that need not fit into memory. Preprocessing reads it in passes and never holds it all. */
export interface Table {
  /** As messages show it. */
  readonly path: string;
  readonly rows: number;
  readonly columns: number;
  /** One pass over rows `first` (default 0) to `end` (default all): row-major pieces of whole rows, each the caller's. */
  pass(first?: number, end?: number): AsyncIterable<Float64Array>;
  /** Rows in the given order, row-major. */
  take(rows: Int32Array): Promise<Float64Array>;
  /** Where in the file a number is, as messages say it; absent where rows and columns are the file's. */
  where?(row: number, column: number): string;
}

/** Whether a number is one in float32, as rows are kept: neither missing nor infinite, there or here. */
export function fitsFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}

/** Where in the file a number of a table is. */
export function whereIn(table: Table, row: number, column: number): string {
  return table.where?.(row, column) ?? `row ${row}, column ${column} (from 0)`;
}

/** Numbers in a piece of a pass: half a megabyte. */
export const PIECE = 1 << 16;
