import { describe, expect, test } from 'vitest';
import { constantRate, cubic, geometric, linear, paperKeepRatios, paperToyKeepRatios, PruningError } from './index.ts';

/** Ratios are powers of numbers near 1, good to a few rounding errors. */
const close = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-14));
};

test('geometric', () => {
  close(geometric(0.8, 0.2, 3), [0.8, 0.4, 0.2]);
  const ratios = geometric(0.7, 0.1, 8);
  expect([ratios[0], ratios[7]]).toEqual([0.7, 0.1]);
  for (let i = 2; i < 8; i++) expect(ratios[i]! / ratios[i - 1]!).toBeCloseTo(ratios[1]! / ratios[0]!, 14);
  expect(geometric(0.5, 0.1, 1)).toEqual([0.5]);
});

test('linear', () => {
  close(linear(0.18, 0.02, 9), [0.18, 0.16, 0.14, 0.12, 0.1, 0.08, 0.06, 0.04, 0.02]);
});

test('a constant rate keeps (1 - rate)ⁿ after n rounds', () => {
  close(constantRate(0.2, 3), [0.8, 0.64, 0.512]);
  expect(constantRate(0, 2)).toEqual([1, 1]);
});

describe('the lists of the paper', () => {
  test('toy: 20 ratios from .80 to .20, then 9 from .18 to .02', () => {
    const ratios = paperToyKeepRatios();
    expect(ratios).toEqual(paperKeepRatios('toy'));
    expect(ratios).toHaveLength(29);
    // .8 · .25^(1/19) and .8 · .25^(10/19), computed to 40 digits and rounded.
    close(
      [ratios[0]!, ratios[1]!, ratios[10]!, ratios[19]!, ratios[20]!, ratios[28]!],
      [0.8, 0.743708284006725, 0.385670399176998, 0.2, 0.18, 0.02],
    );
  });

  test('tabular and images', () => {
    for (const task of ['power', 'gas', 'bsds300'] as const) close(paperKeepRatios(task), geometric(0.7, 0.1, 8));
    for (const task of ['hepmass', 'mnist', 'cifar10'] as const) close(paperKeepRatios(task), geometric(0.8, 0.05, 12));
    close(paperKeepRatios('miniboone').slice(12), [0.04, 0.03, 0.02, 0.01]);
    expect(paperKeepRatios('miniboone')).toHaveLength(16);
  });

  test('all decrease, and a caller may change his copy', () => {
    for (const task of ['toy', 'power', 'gas', 'bsds300', 'hepmass', 'miniboone', 'mnist', 'cifar10'] as const) {
      const ratios = paperKeepRatios(task);
      expect(ratios.every((keep, i) => i === 0 || keep < ratios[i - 1]!)).toBe(true);
      ratios.length = 0;
      expect(paperKeepRatios(task).length).toBeGreaterThan(0);
    }
  });
});

test.each([
  () => geometric(0, 0.1, 3),
  () => geometric(0.8, 1.5, 3),
  () => linear(0.8, NaN, 3),
  () => linear(0.8, 0.1, 0),
  () => geometric(0.8, 0.1, 2.5),
  () => constantRate(1, 3),
  () => constantRate(-0.1, 3),
])('bad input %#', (make) => {
  expect(make).toThrow(PruningError);
});

test('cubic falls fast first', () => {
  const ratios = cubic(0.8, 0.2, 4);
  [0.8, 0.2 + 0.6 * (8 / 27), 0.2 + 0.6 / 27, 0.2].forEach((x, i) => expect(ratios[i]).toBeCloseTo(x, 12));
});
