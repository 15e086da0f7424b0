import { expect, it } from 'vitest';
import { gridCentres } from '../numerics/evaluate.ts';
import { streamlines } from './streamlines.ts';

const [side, extent, cells] = [40, 2, 12];
const sampled = (f: (x: number, y: number) => readonly [number, number]): Float64Array => {
  const centres = gridCentres(side, extent);
  const values = new Float64Array(centres.length);
  for (let i = 0; i < values.length; i += 2) values.set(f(centres[i]!, centres[i + 1]!), i);
  return values;
};
const pointsOf = (line: readonly number[]): [number, number][] =>
  Array.from({ length: line.length / 2 }, (_, i) => [line[2 * i]!, line[2 * i + 1]!]);

it('lines of a constant field are straight, go along it, and fill the square', () => {
  const lines = streamlines(sampled(() => [3, 0]), side, extent, { cells }); // prettier-ignore
  expect(lines).toHaveLength(cells); // one for each row
  for (const line of lines) {
    const points = pointsOf(line);
    expect(new Set(points.map(([, y]) => y.toFixed(9))).size).toBe(1);
    expect(points.every(([x], i) => i === 0 || x > points[i - 1]![0])).toBe(true);
    expect(points.at(-1)![0] - points[0]![0]).toBeGreaterThan(2 * extent - 0.1);
  }
});

it('lines of a rotation keep their radius, and none enters a cell of another', () => {
  const lines = streamlines(sampled((x, y) => [-y, x]), side, extent, { cells }); // prettier-ignore
  expect(lines.length).toBeGreaterThan(3);
  const owner = new Map<string, number>();
  lines.forEach((line, n) => {
    const points = pointsOf(line);
    const radii = points.map(([x, y]) => Math.hypot(x, y));
    // Midpoint steps of h gain h³ / (8 r³) of the radius each: some 1e-3 in all for the innermost line.
    expect(Math.max(...radii) - Math.min(...radii)).toBeLessThan(0.01);
    // Once round at most, and the part of it that lies in the first cell.
    const turned = points
      .slice(1)
      .reduce((sum, [x, y], i) => sum + Math.hypot(x - points[i]![0], y - points[i]![1]), 0);
    expect(turned).toBeLessThan(2 * Math.PI * Math.max(...radii) + (2 * Math.SQRT2 * extent) / cells);
    for (const [x, y] of points) {
      const cell = `${Math.floor(((x + extent) / (2 * extent)) * cells)},${Math.floor(((y + extent) / (2 * extent)) * cells)}`;
      expect(owner.get(cell) ?? n).toBe(n);
      owner.set(cell, n);
    }
  });
});

it('where nothing moves there is no line', () => {
  expect(streamlines(sampled(() => [0, 0]), side, extent)).toEqual([]); // prettier-ignore
});
