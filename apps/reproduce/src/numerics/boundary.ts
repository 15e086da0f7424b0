/** Line segments x₁, y₁, x₂, y₂, one after the other: the places where a function of the plane is zero. */
export type Segments = Float64Array;

/**
 * Where a function that is known at the centres of a square's cells is zero, by marching squares: between four neighbouring centres the
 * zero line is straight, with its ends found by linear interpolation. Exact for linear functions; otherwise off by the order of
 * curvature · spacing². Where the signs of a cell's corners alternate, the mean of the corners decides which pairs belong together.
 *
 * @param values [side, side], rows from the lowest y up, as `gridCentres` has them; zero counts as positive
 * @param extent half the side of the square
 */
export function zeroLine(values: ArrayLike<number>, side: number, extent: number): Segments {
  const step = (2 * extent) / side;
  const centre = (k: number): number => -extent + (k + 0.5) * step;
  const ends: number[] = [];
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      // Corners anticlockwise from the lower left; edge k leads from corner k to the next.
      const corners = [
        [column, row],
        [column + 1, row],
        [column + 1, row + 1],
        [column, row + 1],
      ].map(([i, j]) => ({ x: centre(i!), y: centre(j!), value: values[j! * side + i!]! }));
      const crossings = corners.flatMap((from, k) => {
        const to = corners[(k + 1) % 4]!;
        if (from.value >= 0 === to.value >= 0) return [];
        const share = from.value / (from.value - to.value);
        return [{ x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) }];
      });
      // With four crossings, those beside corner k are k - 1 and k: cut off the corners that differ from the middle.
      const middle = corners.reduce((sum, { value }) => sum + value, 0) >= 0;
      const cutFirst = crossings.length === 4 && corners[0]!.value >= 0 !== middle;
      const order = cutFirst ? [3, 0, 1, 2] : [0, 1, 2, 3];
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        const [a, b] = [crossings[order[k]!]!, crossings[order[k + 1]!]!];
        ends.push(a.x, a.y, b.x, b.y);
      }
    }
  }
  return Float64Array.from(ends);
}

/** The distance from a point to the nearest segment; Infinity if there is none. */
export function distanceTo(segments: Segments, x: number, y: number): number {
  let least = Infinity;
  for (let i = 0; i < segments.length; i += 4) {
    const [ax, ay] = [segments[i]!, segments[i + 1]!];
    const [dx, dy] = [segments[i + 2]! - ax, segments[i + 3]! - ay];
    const length = dx * dx + dy * dy;
    const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
    least = Math.min(least, (ax + share * dx - x) ** 2 + (ay + share * dy - y) ** 2);
  }
  return Math.sqrt(least);
}

/**
 * How far each point is from being classified otherwise: the distance to the decision boundary, or to the edge of the square if that is
 * nearer, since what lies beyond is not looked at. Negative for points that are classified wrongly.
 *
 * @param boundary where the two classes' logits are equal
 * @param points [n, 2], inside the square
 */
export function margins(
  boundary: Segments,
  extent: number,
  points: ArrayLike<number>,
  right: readonly boolean[],
): Float64Array {
  return Float64Array.from(right, (correct, i) => {
    const [x, y] = [points[2 * i]!, points[2 * i + 1]!];
    const toEdge = extent - Math.max(Math.abs(x), Math.abs(y));
    const distance = Math.min(distanceTo(boundary, x, y), toEdge);
    return correct ? distance : -distance;
  });
}

/** The value below which a share of the values lies, with linear interpolation between neighbours in order. */
export function quantile(values: Float64Array, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}
