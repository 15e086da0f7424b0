import { fold, key } from '@sparseflow/tensor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shuffle } from './shuffle.ts';

const order = (seed: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => i).map(shuffle(key(seed), count));

test('property: a permutation, of any size', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 700 }), (seed, count) => {
      expect(order(seed, count).toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    }),
    { numRuns: 50 },
  );
});

test('keys give different orders, one key one order', () => {
  expect(order(1, 100)).toEqual(order(1, 100));
  expect(order(1, 100)).not.toEqual(order(2, 100));
});

test('every position takes every row equally often, and neighbours are independent', () => {
  // 5,000 keys, 10 rows: chi-square of the 10 × 10 table has 81 degrees of freedom; pairs of neighbours fill 90 cells. 99.99 % quantiles.
  const [count, keys] = [10, 5000];
  const at = new Float64Array(count * count);
  const pairs = new Float64Array(count * count);
  for (let i = 0; i < keys; i++) {
    const rows = Array.from({ length: count }, (_, position) => position).map(shuffle(fold(key(7), i), count));
    rows.forEach((row, position) => at[position * count + row]!++);
    for (let p = 0; p + 1 < count; p++) pairs[rows[p]! * count + rows[p + 1]!]!++;
  }
  const chiSquare = (cells: Float64Array, expected: number): number =>
    cells.reduce((sum, n) => sum + (n === 0 ? 0 : (n - expected) ** 2 / expected), 0);
  expect(chiSquare(at, keys / count)).toBeLessThan(137);
  expect(chiSquare(pairs, (keys * (count - 1)) / (count * (count - 1)))).toBeLessThan(148);
});

test('no row stays near its place more often than by chance', () => {
  const count = 100_000;
  const rows = order(3, count);
  // Distances |row - position| of a random permutation have mean n/3 and standard deviation n/√18.
  const mean = rows.reduce((sum, row, i) => sum + Math.abs(row - i), 0) / count;
  expect(Math.abs(mean - count / 3)).toBeLessThan((5 * count) / Math.sqrt(18 * count));
});
