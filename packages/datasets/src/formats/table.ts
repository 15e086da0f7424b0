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
}

/** Numbers in a piece of a pass: half a megabyte. */
export const PIECE = 1 << 16;
