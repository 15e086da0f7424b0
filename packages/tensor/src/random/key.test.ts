import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fold, key, splitKey, type Key } from './key.ts';
import { normal, uniform } from './samplers.ts';

const id = (k: Key): string => k.words.join(',');

test('is four words that survive JSON', () => {
  const k = fold(splitKey(key(12345))[1]!, 678);
  const back = JSON.parse(JSON.stringify(k)) as Key;
  expect(back).toEqual(k);
  expect(normal(back, 5)).toEqual(normal(k, 5));
});

test('numbers and bigints name the same seeds', () => {
  expect(key(7)).toEqual(key(7n));
  expect(key(Number.MAX_SAFE_INTEGER)).toEqual(key(BigInt(Number.MAX_SAFE_INTEGER)));
  expect(id(key(2n ** 64n - 1n))).not.toBe(id(key(0)));
});

test('seeds, children and folds are all distinct', () => {
  const root = key(0);
  const keys = [
    ...Array.from({ length: 1000 }, (_, i) => key(i)),
    ...splitKey(root, 1000),
    ...Array.from({ length: 1000 }, (_, i) => fold(root, i)),
    ...[2 ** 32 - 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER].map((data) => fold(root, data)),
    ...splitKey(splitKey(root)[0]!, 100),
    fold(fold(root, 1), 2),
    fold(fold(root, 2), 1),
  ];
  expect(new Set(keys.map(id)).size).toBe(keys.length);
});

test('child i does not depend on how many are derived', () => {
  expect(splitKey(key(3), 2)).toEqual(splitKey(key(3), 5).slice(0, 2));
  expect(splitKey(key(3))).toHaveLength(2);
});

test('golden values: a key means the same numbers in every release', () => {
  expect(key(0).words).toMatchInlineSnapshot(`
    [
      2843154682,
      2515132292,
      791775701,
      3226811094,
    ]
  `);
  expect(splitKey(key(0))[1]!.words).toMatchInlineSnapshot(`
    [
      885460934,
      3666343731,
      4040708636,
      3212061483,
    ]
  `);
  expect(fold(key(0), 2 ** 40 + 1).words).toMatchInlineSnapshot(`
    [
      675604673,
      799744384,
      2940109897,
      2016946516,
    ]
  `);
});

test('streams of a parent, its children, its folds and other seeds are uncorrelated, also at small lags', () => {
  const n = 20_000;
  const root = key(0);
  const keys = [root, ...splitKey(root, 4), fold(root, 0), fold(root, 1), key(1), key(2)];
  const streams = keys.map((k) => normal(k, n));
  // Each correlation is a mean of n products of variance 1; 9·9·3 of them: the largest of 243 stays below 4.5 sd but for 0.2 %.
  for (const [i, a] of streams.entries()) {
    for (const [j, b] of streams.entries()) {
      for (const lag of [0, 1, 2]) {
        if (i === j && lag === 0) continue;
        let sum = 0;
        for (let t = 0; t < n - lag; t++) sum += a[t]! * b[t + lag]!;
        expect(Math.abs(sum / Math.sqrt(n - lag))).toBeLessThan(4.5);
      }
    }
  }
});

test('first numbers of consecutive children are uniform: no pattern across keys', () => {
  // Chi-square over 100 cells of 20,000 first draws: 99 degrees of freedom, 99.9 % quantile 148.2.
  const counts = new Float64Array(100);
  for (const child of splitKey(key(9), 20_000)) counts[Math.floor(uniform(child, 1)[0]! * 100)]!++;
  expect(counts.reduce((sum, c) => sum + (c - 200) ** 2 / 200, 0)).toBeLessThan(148.2);
});

test('property: derivation is deterministic and injective in its data', () => {
  const anyKey = fc.maxSafeNat().map(key);
  fc.assert(
    fc.property(anyKey, fc.maxSafeNat(), fc.maxSafeNat(), (k, a, b) => {
      expect(fold(k, a)).toEqual(fold(k, a));
      expect(id(fold(k, a)) === id(fold(k, b))).toBe(a === b);
    }),
  );
});

test('bad seeds, counts, data and keys are named', () => {
  expect(() => key(1.5)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: key: seed 1.5 is not a safe integer. To fix: pass an integer from 0 to 2^53 - 1, or a bigint.]`,
  );
  expect(() => key(-1)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: key: seed -1 is outside 0 … 2^64 - 1. To fix: pass a non-negative seed below 2^64.]`,
  );
  expect(() => key(2n ** 64n)).toThrow('outside');
  expect(() => key(Number.NaN)).toThrow('not a safe integer');
  expect(() => splitKey(key(0), 0)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: splitKey: cannot derive 0 keys. To fix: ask for an integer number of keys, at least 1.]`,
  );
  expect(() => fold(key(0), -3)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: fold: data -3 is not a non-negative safe integer. To fix: fold in an integer from 0 to 2^53 - 1.]`,
  );
  expect(() => uniform({ words: [1, 2, 3] } as unknown as Key, 1)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: uniform: the key is not four unsigned 32-bit words. To fix: make keys with key(seed), splitKey or fold.]`,
  );
  expect(() => uniform({ words: [1, 2, 3, 2 ** 32] }, 1)).toThrow('four unsigned 32-bit words');
  expect(() => uniform(7 as unknown as Key, 1)).toThrow('four unsigned 32-bit words');
});
