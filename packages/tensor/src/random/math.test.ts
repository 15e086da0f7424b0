import { expect, test } from 'vitest';
import { cosSinTurns, logFraction } from './math.ts';
import { key } from './key.ts';
import { uniform } from './samplers.ts';

const ulp = 2 ** -52;

test('logFraction is within 2 ulp of the logarithm over its whole range', () => {
  const check = (k: number): void => {
    const expected = Math.log(k * 2 ** -53);
    expect(Math.abs(logFraction(k) - expected)).toBeLessThanOrEqual(2 * ulp * Math.abs(expected));
  };
  for (let e = 0; e <= 53; e++)
    for (const d of [-2, -1, 0, 1, 2]) if (2 ** e + d >= 1 && 2 ** e + d <= 2 ** 53) check(2 ** e + d);
  uniform(key(1), 20_000).forEach((u) => check(Math.ceil((u + 2 ** -53) * 2 ** 53)));
  uniform(key(2), 20_000).forEach((u) => check(Math.ceil(2 ** (53 * u))));
  expect(logFraction(2 ** 53)).toBe(0);
});

test('cosSinTurns is on the unit circle and within 2^-51 of cos and sin', () => {
  const out = new Float64Array(2);
  // The oracle's own argument 2πv is rounded, by up to 2^-51 near a full turn; its angle is kept small by exact reduction to a quarter.
  const oracle = (v: number): [number, number] => {
    const quarters = Math.floor(v * 4);
    const a = (v - quarters / 4) * 2 * Math.PI;
    const [c, s] = [Math.cos(a), Math.sin(a)];
    return (
      [
        [c, s],
        [-s, c],
        [-c, -s],
        [s, -c],
      ] as [number, number][]
    )[quarters]!;
  };
  for (const v of [0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1 - 2 ** -53, ...uniform(key(3), 50_000)]) {
    cosSinTurns(v, out);
    const [c, s] = oracle(v);
    expect(Math.abs(out[0]! - c)).toBeLessThan(2 * ulp);
    expect(Math.abs(out[1]! - s)).toBeLessThan(2 * ulp);
    expect(Math.abs(out[0]! ** 2 + out[1]! ** 2 - 1)).toBeLessThan(4 * ulp);
  }
});
