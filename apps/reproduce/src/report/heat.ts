import { PNG } from 'pngjs';

// Anchor colours of viridis at equal steps: perceptually uniform, readable without colour vision and in grey.
const viridis: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [71, 39, 117],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [110, 206, 88],
  [181, 222, 43],
  [253, 231, 37],
];

/** The colour at `share` of the way through the map, as 0 … 255; NaN is at the start. */
export function heatColour(share: number): readonly [number, number, number] {
  const position = Math.min(1, Math.max(0, Number.isNaN(share) ? 0 : share)) * (viridis.length - 1);
  const index = Math.min(viridis.length - 2, Math.floor(position));
  const [from, to] = [viridis[index]!, viridis[index + 1]!];
  const mix = (k: 0 | 1 | 2): number => Math.round(from[k] + (to[k] - from[k]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

/** The whole map as the stops of an SVG gradient: exact, since both are linear between the anchors. */
export function heatStops(): string {
  return viridis
    .map((colour, i) => `<stop offset="${i / (viridis.length - 1)}" stop-color="rgb(${colour.join(',')})"/>`)
    .join('');
}

/**
 * A grid of numbers as a PNG in a data URI, one pixel per cell.
 *
 * @param values [side, side], rows from the lowest y up; images have their first row on top, so they are turned over.
 * @param domain what is drawn with the first and the last colour; values beyond take the nearest.
 */
export function heatImage(values: ArrayLike<number>, side: number, [low, high]: readonly [number, number]): string {
  const png = new PNG({ width: side, height: side, colorType: 2 });
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const value = values[(side - 1 - row) * side + column]!;
      const at = (row * side + column) * 4;
      png.data.set([...heatColour((value - low) / (high - low)), 255], at);
    }
  }
  return `data:image/png;base64,${PNG.sync.write(png, { colorType: 2 }).toString('base64')}`;
}

/**
 * The signs of a grid of numbers as a PNG in a data URI, one pixel per cell: a translucent tint of the first colour where they are
 * negative, of the second elsewhere. It works on light and dark grounds.
 *
 * @param values [side, side], rows from the lowest y up
 * @param tints as #rrggbb
 */
export function tintImage(values: ArrayLike<number>, side: number, tints: readonly [string, string]): string {
  const rgb = tints.map((colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)));
  const png = new PNG({ width: side, height: side, colorType: 6 });
  for (let i = 0; i < side * side; i++) {
    const [row, column] = [Math.floor(i / side), i % side];
    const value = values[(side - 1 - row) * side + column]!;
    png.data.set([...rgb[value < 0 ? 0 : 1]!, 56], i * 4);
  }
  return `data:image/png;base64,${PNG.sync.write(png, { colorType: 6 }).toString('base64')}`;
}

/**
 * Density of points on a grid by a Gaussian kernel, as log p: for data, whose density has no formula here.
 *
 * @param points [n, 2].
 * @param bandwidth standard deviation of the kernel, in the points' units.
 * @returns [side, side] at cell centres, rows from the lowest y up.
 */
export function kernelLogDensity(
  points: ArrayLike<number>,
  side: number,
  extent: number,
  bandwidth: number,
): Float64Array {
  const count = points.length / 2;
  const step = (2 * extent) / side;
  const density = new Float64Array(side * side);
  const reach = Math.ceil((4 * bandwidth) / step);
  const centre = (k: number): number => -extent + (k + 0.5) * step;
  const norm = 1 / (2 * Math.PI * bandwidth ** 2 * count);
  for (let i = 0; i < count; i++) {
    const [x, y] = [points[2 * i]!, points[2 * i + 1]!];
    const [cx, cy] = [Math.floor((x + extent) / step), Math.floor((y + extent) / step)];
    for (let row = Math.max(0, cy - reach); row <= Math.min(side - 1, cy + reach); row++) {
      for (let column = Math.max(0, cx - reach); column <= Math.min(side - 1, cx + reach); column++) {
        const squared = (centre(column) - x) ** 2 + (centre(row) - y) ** 2;
        density[row * side + column]! += norm * Math.exp(-squared / (2 * bandwidth ** 2));
      }
    }
  }
  return density.map(Math.log);
}
