/** Darker for more points in a cell. */
const shades = ' .:-=+*#%@';

/**
 * Points of the plane as text: the more points fall in a cell, the darker its character.
 *
 * @param points x, y, x, y, …
 * @param extent half the side of the square that is shown
 */
export function scatter(points: ArrayLike<number>, extent: number, columns = 64): string {
  // A character is about twice as high as wide.
  const rows = Math.round(columns / 2);
  const counts = new Float64Array(rows * columns);
  for (let i = 0; i < points.length; i += 2) {
    const column = Math.floor(((points[i]! + extent) / (2 * extent)) * columns);
    const row = Math.floor(((extent - points[i + 1]!) / (2 * extent)) * rows);
    if (column >= 0 && column < columns && row >= 0 && row < rows) counts[row * columns + column]! += 1;
  }
  const most = Math.max(1, ...counts);
  return cells(rows, columns, (cell) => shades[Math.ceil(Math.sqrt(counts[cell]! / most) * (shades.length - 1))]!);
}

/**
 * Classes on a square grid as text, one character each, with points of two classes on top: o and x.
 *
 * @param classes of the cells, [rows, columns], rows from the highest y down
 */
export function regions(
  classes: ArrayLike<number>,
  columns: number,
  points: ArrayLike<number>,
  labels: ArrayLike<number>,
  extent: number,
): string {
  const rows = classes.length / columns;
  const marks = new Map<number, string>();
  for (let i = 0; i < labels.length; i++) {
    const column = Math.floor(((points[2 * i]! + extent) / (2 * extent)) * columns);
    const row = Math.floor(((extent - points[2 * i + 1]!) / (2 * extent)) * rows);
    marks.set(row * columns + column, labels[i] === 0 ? 'o' : 'x');
  }
  return cells(rows, columns, (cell) => marks.get(cell) ?? (classes[cell] === 0 ? ' ' : '·'));
}

function cells(rows: number, columns: number, character: (cell: number) => string): string {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_cell, column) => character(row * columns + column))
      .join('')
      .trimEnd(),
  ).join('\n');
}

/** Centres x, y of the cells of such a plot, rows from the highest y down. */
export function centres(columns: number, extent: number): Float64Array {
  const rows = Math.round(columns / 2);
  return Float64Array.from({ length: 2 * rows * columns }, (_, i) => {
    const cell = i >> 1;
    return i % 2 === 0
      ? (((cell % columns) + 0.5) / columns - 0.5) * 2 * extent
      : (0.5 - (Math.floor(cell / columns) + 0.5) / rows) * 2 * extent;
  });
}
