/** Points of one part of a data set. */
export interface Split {
  /** `count` × `dim` coordinates, row-major. */
  readonly points: Float64Array;
  /** The class or mode of each point, from 0. Absent where the data have none. */
  readonly labels?: Int32Array;
  readonly count: number;
  readonly dim: number;
}

/** What raw coordinates were shifted and scaled by: raw = normalized · std + mean. */
export interface Scaling {
  readonly mean: number;
  readonly std: number;
}

/** A data set, ready for training: three splits of plain numbers. */
export interface Dataset {
  readonly name: string;
  readonly dim: number;
  readonly train: Split;
  /** Held out from the training draw, so it shares that draw's scaling. */
  readonly validation: Split;
  readonly test: Split;
  /** The scalings that were applied; mean 0 and std 1 where none was. */
  readonly scaling: { readonly train: Scaling; readonly test: Scaling };
}

/** Copies rows of a split, in the given order. Labels go with their points. */
export function takeRows(split: Split, rows: Int32Array): Split {
  const { dim } = split;
  const points = new Float64Array(rows.length * dim);
  for (const [i, row] of rows.entries()) {
    for (let d = 0; d < dim; d++) points[i * dim + d] = split.points[row * dim + d]!;
  }
  const taken = { points, count: rows.length, dim };
  return split.labels ? { ...taken, labels: rows.map((row) => split.labels![row]!) } : taken;
}
