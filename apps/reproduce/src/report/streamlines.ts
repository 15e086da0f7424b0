/** A line through points x, y, x, y, … */
export type Polyline = readonly number[];

/**
 * Lines that follow a vector field, evenly spread: the square is divided into `cells` × `cells` cells, of which each line takes those that
 * it passes; a line starts in the middle of each free cell, from the square's middle outwards, and ends where it would enter a cell
 * that another has (after Jobard and Lefer 1997, with cells for distances).
 *
 * @param field [side, side, 2] at cell centres of the square [-extent, extent]², rows from the lowest y up
 */
export function streamlines(
  field: ArrayLike<number>,
  side: number,
  extent: number,
  { cells = 12, shortest = 1.5 }: { readonly cells?: number; readonly shortest?: number } = {},
): Polyline[] {
  const direction = interpolated(field, side, extent);
  const cellOf = (x: number, y: number): number => {
    const at = (value: number): number => Math.floor(((value + extent) / (2 * extent)) * cells);
    return at(y) * cells + at(x);
  };
  const taken = new Set<number>();
  const step = (2 * extent) / cells / 8;

  /** Goes with the field (or against it) from a point, until the line must end. */
  const follow = (x0: number, y0: number, sign: number, own: Set<number>): number[] => {
    const line: number[] = [];
    let [x, y] = [x0, y0];
    let last = cellOf(x, y);
    // No line is longer than ten times round the square.
    for (let n = 0; n < 80 * cells; n++) {
      const first = direction(x, y);
      if (first === undefined) break;
      const middle = direction(x + (sign * step * first[0]) / 2, y + (sign * step * first[1]) / 2) ?? first;
      [x, y] = [x + sign * step * middle[0], y + sign * step * middle[1]];
      if (!(Math.abs(x) < extent && Math.abs(y) < extent)) break;
      const cell = cellOf(x, y);
      // A cell that it had left itself is taken too: it would run beside itself.
      if (taken.has(cell) || (own.has(cell) && cell !== last)) break;
      own.add(cell);
      last = cell;
      line.push(x, y);
    }
    return line;
  };

  const size = (2 * extent) / cells;
  const starts = Array.from({ length: cells * cells }, (_, i) => ({
    x: -extent + ((i % cells) + 0.5) * size,
    y: -extent + (Math.floor(i / cells) + 0.5) * size,
  })).sort((a, b) => Math.hypot(a.x, a.y) - Math.hypot(b.x, b.y));
  return starts.flatMap(({ x, y }) => {
    const start = cellOf(x, y);
    if (taken.has(start)) return [];
    const own = new Set([start]);
    const forward = follow(x, y, 1, own);
    const backward = follow(x, y, -1, own);
    const line: number[] = [];
    for (let i = backward.length - 2; i >= 0; i -= 2) line.push(backward[i]!, backward[i + 1]!);
    line.push(x, y, ...forward);
    if ((line.length / 2 - 1) * step < shortest * size) return [];
    for (const cell of own) taken.add(cell);
    return [line];
  });
}

/** The direction of the field at a point, by bilinear interpolation; undefined where the field vanishes. */
function interpolated(
  field: ArrayLike<number>,
  side: number,
  extent: number,
): (x: number, y: number) => readonly [number, number] | undefined {
  const place = (value: number): readonly [number, number] => {
    const position = Math.min(side - 1, Math.max(0, ((value + extent) / (2 * extent)) * side - 0.5));
    const index = Math.min(side - 2, Math.floor(position));
    return [index, position - index];
  };
  return (x, y) => {
    const [[i, s], [j, t]] = [place(x), place(y)];
    const component = (k: 0 | 1): number => {
      const at = (column: number, row: number): number => field[2 * (row * side + column) + k]!;
      const low = at(i, j) + s * (at(i + 1, j) - at(i, j));
      const high = at(i, j + 1) + s * (at(i + 1, j + 1) - at(i, j + 1));
      return low + t * (high - low);
    };
    const [u, v] = [component(0), component(1)];
    const norm = Math.hypot(u, v);
    return norm > 0 ? [u / norm, v / norm] : undefined;
  };
}
