import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fold, key, type Key } from './key.ts';
import { normal, permutation, rademacher, randint, uniform } from './samplers.ts';

const n = 200_000;

function mean(x: ArrayLike<number>, power = 1): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! ** power;
  return sum / x.length;
}

/** √n · sup |F_n - F|, whose 99.9 % quantile is 1.95 (Kolmogorov's law). */
function kolmogorovSmirnov(sample: Float64Array, cdf: (x: number) => number): number {
  const sorted = sample.slice().sort();
  let sup = 0;
  for (const [i, x] of sorted.entries()) {
    const f = cdf(x);
    sup = Math.max(sup, f - i / sorted.length, (i + 1) / sorted.length - f);
  }
  return sup * Math.sqrt(sorted.length);
}

/** Φ by its Taylor series about 0 (all terms positive), good to 1e-15 for |x| < 8. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) sum += term *= (x * x) / (2 * k + 1);
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

function chiSquare(counts: ArrayLike<number>, expected: number): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += (counts[i]! - expected) ** 2 / expected;
  return sum;
}

describe('uniform', () => {
  test('moments within 4 standard errors', () => {
    const x = uniform(key(1), n);
    // E uᵏ = 1/(k+1), var uᵏ = 1/(2k+1) - 1/(k+1)².
    for (const k of [1, 2, 3, 4]) {
      const se = Math.sqrt((1 / (2 * k + 1) - 1 / (k + 1) ** 2) / n);
      expect(Math.abs(mean(x, k) - 1 / (k + 1))).toBeLessThan(4 * se);
    }
  });

  test('follows the uniform law (Kolmogorov-Smirnov)', () => {
    expect(kolmogorovSmirnov(uniform(key(2), n), (x) => x)).toBeLessThan(1.95);
  });

  test('uses all 53 bits and never reaches 1, in float32 neither', () => {
    const x = uniform(key(3), n);
    expect(x.every((u) => u >= 0 && u < 1 && Number.isInteger(u * 2 ** 53))).toBe(true);
    // The lowest bit is set in half of them: 4 standard errors of a fair coin.
    const odd = x.filter((u) => (u * 2 ** 53) % 2 === 1).length;
    expect(Math.abs(odd - n / 2)).toBeLessThan(4 * Math.sqrt(n / 4));
    expect(uniform(key(3), 4_000_000, { dtype: 'float32' }).every((u) => u < 1)).toBe(true);
  });

  test('consecutive pairs fill the square evenly', () => {
    // Chi-square over 20 × 20 cells: 399 degrees of freedom, 99.9 % quantile 490.
    const x = uniform(key(4), n);
    const counts = new Float64Array(400);
    for (let i = 0; i < n; i += 2) counts[Math.floor(x[i]! * 20) * 20 + Math.floor(x[i + 1]! * 20)]!++;
    expect(chiSquare(counts, n / 2 / 400)).toBeLessThan(490);
  });
});

describe('normal', () => {
  test('moments within 4 standard errors', () => {
    const x = normal(key(1), n);
    // E x²ᵏ = (2k-1)!!; var xᵏ = E x²ᵏ - (E xᵏ)².
    const raw = [1, 0, 1, 0, 3, 0, 15, 0, 105];
    for (const k of [1, 2, 3, 4]) {
      const se = Math.sqrt((raw[2 * k]! - raw[k]! ** 2) / n);
      expect(Math.abs(mean(x, k) - raw[k]!)).toBeLessThan(4 * se);
    }
  });

  test('follows the normal law (Kolmogorov-Smirnov)', () => {
    expect(kolmogorovSmirnov(normal(key(2), n), normalCdf)).toBeLessThan(1.95);
  });

  test('the two numbers of a Box-Muller pair are independent', () => {
    const x = normal(key(3), n);
    for (const [p, q, variance] of [
      [1, 1, 1],
      [2, 2, 4],
      [1, 2, 2],
      [2, 1, 2],
      [3, 1, 15],
    ] as const) {
      // Centred products xᵖyᵠ (even powers less 1) have mean 0 and this variance.
      let sum = 0;
      for (let i = 0; i < n; i += 2) sum += (x[i]! ** p - (p === 2 ? 1 : 0)) * (x[i + 1]! ** q - (q === 2 ? 1 : 0));
      expect(Math.abs(sum / Math.sqrt((n / 2) * variance))).toBeLessThan(4);
    }
  });

  test('the tails are there', () => {
    // P(|x| > 4) = 6.334e-5: 2,000,000 draws give 126.7 ± 11.3.
    const count = normal(key(5), 2_000_000).filter((x) => Math.abs(x) > 4).length;
    expect(Math.abs(count - 126.7)).toBeLessThan(4 * 11.3);
  });
});

describe('rademacher', () => {
  test('fair, and neighbours independent, within 4 standard errors', () => {
    const x = rademacher(key(1), n);
    expect(new Set(x)).toEqual(new Set([-1, 1]));
    expect(Math.abs(mean(x)) * Math.sqrt(n)).toBeLessThan(4);
    for (const lag of [1, 31, 32, 128]) {
      let sum = 0;
      for (let i = 0; i + lag < n; i++) sum += x[i]! * x[i + lag]!;
      expect(Math.abs(sum) / Math.sqrt(n - lag)).toBeLessThan(4);
    }
  });
});

describe('randint', () => {
  test('every value equally likely', () => {
    // 99.9 % quantiles of chi-square with 6 and 99 degrees of freedom.
    for (const [high, quantile] of [
      [7, 22.46],
      [100, 148.2],
    ] as const) {
      const counts = new Float64Array(high);
      for (const x of randint(key(high), n, high)) counts[x]!++;
      expect(chiSquare(counts, n / high)).toBeLessThan(quantile);
    }
  });

  test('no bias where a quarter of the words must be rejected', () => {
    // 2³² = 2·high + 2³⁰: a plain remainder would give the values below 2³⁰ the weight 3 against 2, so the share ¾ instead of ⅔.
    const high = 3 * 2 ** 29;
    const x = randint(key(5), n, high);
    const count = x.filter((v) => v < 2 ** 30).length;
    expect(Math.abs(count - (n * 2) / 3)).toBeLessThan(4 * Math.sqrt((n * 2) / 9));
    expect(x.every((v) => v >= 0 && v < high)).toBe(true);
  });

  test('limits', () => {
    expect([...randint(key(1), 3, 1)]).toEqual([0, 0, 0]);
    expect(randint(key(1), 1000, 2 ** 31).every((v) => v >= 0)).toBe(true);
  });
});

describe('permutation', () => {
  test('each order of four elements equally likely', () => {
    // 24 orders, 23 degrees of freedom, 99.9 % quantile 49.73.
    const draws = 24_000;
    const counts = new Map<string, number>();
    for (let i = 0; i < draws; i++) {
      const order = permutation(fold(key(6), i), 4).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()], draws / 24)).toBeLessThan(49.73);
  });

  test('each element equally likely at each position', () => {
    // 50 × 50 table with fixed margins: 49² = 2401 degrees of freedom, sd √4802 = 69.3; mean + 3.3 sd.
    const counts = new Float64Array(2500);
    for (let i = 0; i < 5000; i++)
      for (const [position, x] of permutation(fold(key(8), i), 50).entries()) counts[position * 50 + x]!++;
    expect(chiSquare(counts, 100)).toBeLessThan(2401 + 3.3 * 69.3);
  });
});

const samplers: Readonly<Record<string, (k: Key, size: number) => Float64Array | Int32Array>> = {
  uniform: (k, size) => uniform(k, size),
  normal: (k, size) => normal(k, size),
  rademacher: (k, size) => rademacher(k, size),
  randint10: (k, size) => randint(k, size, 10),
  // Rejects a quarter of the words, so retries are exercised.
  randintRejecting: (k, size) => randint(k, size, 3 * 2 ** 29),
};

describe.each(Object.entries(samplers))('%s', (_, sample) => {
  test('property: the same key gives the same numbers, and a longer draw begins with the shorter one', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(9000), fc.nat(9000), (seed, a, b) => {
        const long = sample(key(seed), Math.max(a, b));
        expect(sample(key(seed), Math.min(a, b))).toEqual(long.slice(0, Math.min(a, b)));
      }),
      { numRuns: 30 },
    );
  });

  test('bad sizes are named', () => {
    for (const size of [-1, 1.5, Number.NaN, 2 ** 40]) expect(() => sample(key(0), size)).toThrow('is not a count');
    expect(sample(key(0), 0)).toHaveLength(0);
  });
});

test('property: a permutation holds every index once', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(5000), (seed, size) => {
      const order = permutation(key(seed), size);
      expect(order.slice().sort()).toEqual(Int32Array.from({ length: size }, (_, i) => i));
      expect(permutation(key(seed), size)).toEqual(order);
    }),
    { numRuns: 30 },
  );
});

test('every element type gets the same numbers, rounded', () => {
  expect(normal(key(1), 999, { dtype: 'float32' })).toEqual(Float32Array.from(normal(key(1), 999)));
  expect(uniform(key(1), 999, { dtype: 'float32' })).toEqual(Float32Array.from(uniform(key(1), 999)));
  expect(rademacher(key(1), 999, { dtype: 'int32' })).toEqual(Int32Array.from(rademacher(key(1), 999)));
  expect(randint(key(1), 999, 50, { dtype: 'float64' })).toEqual(Float64Array.from(randint(key(1), 999, 50)));
  expect(permutation(key(1), 99, { dtype: 'float32' })).toEqual(Float32Array.from(permutation(key(1), 99)));
});

test('two samplers on one key do not share their bits', () => {
  const u = uniform(key(1), 20_000);
  const x = normal(key(1), 20_000);
  const s = rademacher(key(1), 20_000);
  let ux = 0;
  let us = 0;
  for (let i = 0; i < u.length; i++) {
    ux += (u[i]! - 0.5) * Math.sqrt(12) * x[i]!;
    us += (u[i]! - 0.5) * Math.sqrt(12) * s[i]!;
  }
  expect(Math.abs(ux) / Math.sqrt(u.length)).toBeLessThan(4);
  expect(Math.abs(us) / Math.sqrt(u.length)).toBeLessThan(4);
});

test('golden values: the same on every platform and in every release', () => {
  expect([...uniform(key(42), 3)]).toMatchInlineSnapshot(`
    [
      0.1465031015756194,
      0.7097107110041931,
      0.18667653884829172,
    ]
  `);
  expect([...normal(key(42), 5)]).toMatchInlineSnapshot(`
    [
      0.049816498676397425,
      0.1252884387299694,
      -0.9180878478866884,
      -1.5770845563483191,
      -2.1079043749111674,
    ]
  `);
  expect(rademacher(key(42), 16).join(' ')).toMatchInlineSnapshot(`"-1 1 1 1 1 1 -1 1 1 -1 1 -1 1 -1 -1 1"`);
  expect(randint(key(42), 10, 100).join(' ')).toMatchInlineSnapshot(`"44 2 33 86 51 96 64 47 69 36"`);
  expect(permutation(key(42), 10).join(' ')).toMatchInlineSnapshot(`"6 3 0 4 9 2 8 7 1 5"`);
});

test('a range that randint cannot draw from is named', () => {
  expect(() => randint(key(0), 1, 0)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: randint: high 0 is not an integer from 1 to 2^31. To fix: pass the number of different values wanted.]`,
  );
  expect(() => randint(key(0), 1, 2 ** 31 + 1)).toThrow('2^31');
});
