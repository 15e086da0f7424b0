import type { Key } from '@sparseflow/tensor';
import { takeRows, type Split } from '../dataset.ts';

/** One part of a data set that may be larger than memory: its rows are read where they lie, a batch at a time. */
export interface Rows {
  readonly count: number;
  readonly dim: number;
  /** Whether rows come with labels. */
  readonly labelled: boolean;
  /**
   * Reads rows, in the given order, as copies. Images get fresh noise and flips from the key: those of a row depend on the key and its
   * number alone, not on what else is read. Other data ignore the key.
   */
  take(rows: Int32Array, key: Key): Promise<Split>;
}

/** The shape of rows that are images: flattened height × width × channels, as the flows of @sparseflow/cnf take them. */
export interface ImageFormat {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Pixels were integers below this; rows are (pixel + U[0, 1)) / levels. */
  readonly levels: number;
  /** The usual squeeze α + (1 - 2 α) x before the logit transform. */
  readonly alpha: number;
}

/** What each column was shifted and scaled by: raw = normalised · std + mean. */
export interface ColumnScaling {
  readonly mean: Float64Array;
  readonly std: Float64Array;
}

/** A data set whose splits are read as they are needed. */
export interface RowDataset {
  readonly name: string;
  readonly dim: number;
  readonly train: Rows;
  readonly validation: Rows;
  readonly test: Rows;
  /** Absent where columns were not normalised. */
  readonly scaling?: ColumnScaling;
  /** Present where rows are images. */
  readonly image?: ImageFormat;
  /** False for excerpts and stand-ins: likelihoods on them must not be compared with published ones. */
  readonly comparable: boolean;
  /** Why it is not comparable, for tables; absent where it is. */
  readonly reason?: string;
  /** The files that it was made from. */
  readonly sources: readonly string[];
  /** Closes the files. */
  close(): Promise<void>;
}

/**
 * Points in memory as {@link Rows}, so that what trains from a stream also trains from them.
 *
 * @example
 * ```ts
 * import { moons, rowsOf } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const rows = rowsOf(moons(key(0)).train);
 * const { points } = await rows.take(Int32Array.of(3, 1), key(1));
 * console.log(rows.count, points.length); // 922 4
 * ```
 */
export function rowsOf(split: Split): Rows {
  const { count, dim, labels } = split;
  return { count, dim, labelled: labels !== undefined, take: async (rows) => takeRows(split, rows) };
}

/**
 * The first `count` rows, or all of them where there are fewer.
 *
 * @example
 * ```ts
 * import { firstRows, moons, rowsOf } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(firstRows(rowsOf(moons(key(0)).train), 100).count); // 100
 * ```
 */
export function firstRows(rows: Rows, count: number): Rows {
  const { dim, labelled } = rows;
  return { count: Math.min(count, rows.count), dim, labelled, take: (indices, key) => rows.take(indices, key) };
}

/**
 * All rows in memory, for sets that are known to be small.
 *
 * @example
 * ```ts
 * import { moons, readRows, rowsOf } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log((await readRows(rowsOf(moons(key(0)).test), key(1))).count); // 512
 * ```
 */
export function readRows(rows: Rows, key: Key): Promise<Split> {
  return rows.take(
    Int32Array.from({ length: rows.count }, (_, i) => i),
    key,
  );
}
