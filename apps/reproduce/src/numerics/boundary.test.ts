import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { distanceTo, margins, quantile, zeroLine } from './boundary.ts';
import { gridCentres } from './evaluate.ts';

const onGrid = (side: number, extent: number, f: (x: number, y: number) => number): Float64Array => {
  const centres = gridCentres(side, extent);
  return Float64Array.from({ length: side * side }, (_, i) => f(centres[2 * i]!, centres[2 * i + 1]!));
};

describe('the boundary of a linear classifier', () => {
  it('has the closed-form distance |w·x + b| / |w| wherever the nearest point lies in the square', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }),
        fc.double({ min: -0.5, max: 0.5, noNaN: true }),
        fc.double({ min: 0.1, max: 9, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (angle, offset, scale, x, y) => {
          const f = (a: number, b: number): number => scale * (Math.cos(angle) * a + Math.sin(angle) * b - offset);
          const line = zeroLine(onGrid(24, 3, f), 24, 3);
          // The nearest point is at most √2 + 0.5 from the centre, so inside the grid of centres.
          expect(distanceTo(line, x, y)).toBeCloseTo(Math.abs(f(x, y)) / scale, 9);
          expect(margins(line, 3, [x, y], [f(x, y) >= 0])[0]).toBeCloseTo(f(x, y) / scale, 9);
        },
      ),
    );
  });
});

it('a circle has distance |r - R| up to curvature times spacing squared', () => {
  const [side, extent, radius] = [80, 2, 1];
  const line = zeroLine(
    onGrid(side, extent, (x, y) => x * x + y * y - radius * radius),
    side,
    extent,
  );
  // A chord of at most √2 h lies at most h² / (4 R) inside the circle; the interpolated ends add h² / (8 R) at most.
  const spacing = (2 * extent) / side;
  for (const [x, y] of [
    [0, 0],
    [0.3, -0.4],
    [1.2, 0.5],
    [-0.9, 0.9],
  ] as const) {
    expect(Math.abs(distanceTo(line, x, y) - Math.abs(Math.hypot(x, y) - radius))).toBeLessThan(spacing ** 2 / 2);
  }
});

it('a saddle is cut as the mean of its corners says', () => {
  // Corners +1, -1, +3, -1: the mean is positive, so the two negative corners are cut off.
  const line = zeroLine([1, -1, -1, 3], 2, 1);
  const pieces = [line.slice(0, 4), line.slice(4)].map((s) => Math.sign((s[0]! + s[2]!) * (s[1]! + s[3]!)));
  expect(line).toHaveLength(8);
  expect(pieces).toEqual([-1, -1]); // both pieces lie about the corners (+, -) and (-, +)
  const turned = zeroLine([-1, 1, 1, -3], 2, 1);
  const sizes = (places: ArrayLike<number>): number[] => Array.from(places, Math.abs).sort((a, b) => a - b);
  expect(sizes(turned)).toEqual(sizes(line));
});

it('the edge of the square counts as boundary, and what is wrong is negative', () => {
  const nowhere = zeroLine([1, 1, 1, 1], 2, 1);
  expect(nowhere).toHaveLength(0);
  expect(distanceTo(nowhere, 0, 0)).toBe(Infinity);
  expect([...margins(nowhere, 3, [0, 0, 2, -1], [true, false])]).toEqual([3, -1]);
});

it('quantiles interpolate between neighbours', () => {
  const values = Float64Array.of(4, 1, 3, 2);
  expect([0, 0.5, 1, 0.1].map((share) => quantile(values, share))).toEqual([1, 2.5, 4, 1.3]);
  expect(quantile(Float64Array.of(7), 0.05)).toBe(7);
  expect([...values]).toEqual([4, 1, 3, 2]);
});
