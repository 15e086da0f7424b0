import { expect, it } from 'vitest';
import { Curve } from './curves.ts';

it('a curve of any length is kept in bounded memory, with its mean', () => {
  const curve = new Curve();
  const n = 4096 * 75;
  for (let i = 0; i < n; i++) curve.add(i, i % 3);
  expect(curve.x.length).toBeLessThan(1200);
  expect(curve.x.length).toBeGreaterThan(500);
  // Each point is the mean of equally many: of a line, the line.
  const stride = curve.x[1]! - curve.x[0]!;
  curve.x.forEach((x, i) => expect(x).toBeCloseTo(i * stride + (stride - 1) / 2, 6));
  const mean = curve.y.reduce((sum, y) => sum + y, 0) / curve.y.length;
  expect(mean).toBeCloseTo(1, 2);
});
