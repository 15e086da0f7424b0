import { expect, test } from 'vitest';
import { confidence95, formatEstimate, formatNumber, formatSigned, meanOf } from './statistics.ts';

test('mean and standard error of 2, 4, 9: s² = 13, n = 3', () => {
  expect(meanOf([2, 4, 9])).toEqual({
    mean: 5,
    standardError: expect.closeTo(Math.sqrt(13 / 3), 12) as number,
    count: 3,
  });
});

test('one value has no error, none has no mean', () => {
  expect(meanOf([7])).toEqual({ mean: 7, standardError: null, count: 1 });
  expect(meanOf([])).toBeUndefined();
});

// Points of Student's t from tables: 1, 2 and 30 degrees of freedom.
test.each([
  [2, 12.706],
  [3, 4.303],
  [31, 2.042],
])('the 95 %% interval of %i values is %f standard errors to each side', (count, factor) => {
  expect(confidence95({ mean: 0, standardError: 2, count })).toBeCloseTo(2 * factor, 9);
  expect(confidence95({ mean: 0, standardError: null, count: 1 })).toBeNull();
});

// From tables with three digits: 40, 60 and 120 degrees of freedom, and the normal distribution.
test.each([
  [41, 2.021],
  [61, 2.0],
  [121, 1.98],
  [1e6, 1.96],
])('beyond the table, for %i values, it is %f to the last digit of tables', (count, factor) => {
  const half = confidence95({ mean: 0, standardError: 1, count })!;
  expect(Math.abs(half - factor)).toBeLessThan(0.0005 + 1e-4);
});

test('numbers have a real minus sign and no negative zero', () => {
  expect(formatNumber(-1.25)).toBe('−1.250');
  expect(formatNumber(-0.0001)).toBe('0.000');
  expect(formatNumber(-35447710104703132, 0)).toBe('−3.5e16');
  expect(formatSigned(0.0004)).toBe('0.000');
  expect(formatSigned(0.25)).toBe('+0.250');
  expect(formatSigned(-0.25)).toBe('−0.250');
  expect(formatEstimate({ mean: 1.2584, standardError: 0.0062, count: 3 })).toBe('1.258 ± 0.006');
});
