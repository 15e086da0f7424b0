import { readFileSync } from 'node:fs';
import { key, type Key } from '@sparseflow/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as api from '../index.ts';
import type { Dataset, Split, ToyOptions } from '../index.ts';
import { generateToy, toyDataset, toyDatasets } from '../index.ts';

/** The function that makes each data set, by the data set's name. */
const constructors: Readonly<Record<string, (k: Key, options?: ToyOptions) => Dataset>> = {
  gaussians: api.gaussians,
  'gaussians-spiral': api.gaussiansSpiral,
  spirals: api.spirals,
  'spirals-classification': api.spiralsClassification,
  moons: api.moons,
  concentric: api.concentric,
  diffeqml: api.diffeqml,
  '8gaussians': api.eightGaussians,
  '2spirals': api.twoSpirals,
  pinwheel: api.pinwheel,
  checkerboard: api.checkerboard,
  swissroll: api.swissroll,
  circles: api.circles,
  rings: api.rings,
};

function rows(split: Split): string[] {
  return Array.from(
    { length: split.count },
    (_, i) => `${split.points[2 * i]},${split.points[2 * i + 1]},${split.labels?.[i]}`,
  );
}

describe.each(toyDatasets.map((definition) => [definition.name, definition] as const))('%s', (name, definition) => {
  const small = { trainPerMode: 120, testPerMode: 30 };
  const { modes } = definition;

  test('has its own number of points: half as many for testing, a tenth of train for validation', () => {
    const data = constructors[name]!(key(0));
    const drawn = modes * definition.trainPerMode;
    expect(data.name).toBe(name);
    expect(data.validation.count).toBe(Math.floor(0.1 * drawn));
    expect(data.train.count).toBe(drawn - data.validation.count);
    expect(data.test.count).toBe(modes * Math.floor(definition.trainPerMode / 2));
    for (const split of [data.train, data.validation, data.test]) {
      expect(split.points).toHaveLength(2 * split.count);
      expect(split.points.every(Number.isFinite)).toBe(true);
      expect(split.labels?.length).toBe(definition.labelled ? split.count : undefined);
    }
  });

  test('each draw has scalar mean 0 and unbiased std 1, and its scaling leads back to the raw points', () => {
    const data = generateToy(definition, key(1), small);
    const raw = generateToy(definition, key(1), { ...small, normalize: false });
    for (const draw of [[...data.train.points, ...data.validation.points], [...data.test.points]]) {
      const mean = draw.reduce((sum, x) => sum + x, 0) / draw.length;
      const variance = draw.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (draw.length - 1);
      expect(Math.abs(mean)).toBeLessThan(1e-14);
      expect(Math.abs(variance - 1)).toBeLessThan(1e-13);
    }
    expect(raw.scaling.train).toEqual({ mean: 0, std: 1 });
    for (const [part, scaling] of [
      ['train', 'train'],
      ['validation', 'train'],
      ['test', 'test'],
    ] as const) {
      const { mean, std } = data.scaling[scaling];
      data[part].points.forEach((x, i) => expect(x * std + mean).toBeCloseTo(raw[part].points[i]!, 12));
    }
  });

  test('every mode gets the same number of points, and none is in two splits', () => {
    const data = generateToy(definition, key(2), small);
    if (definition.labelled) {
      const counts = (split: Split): number[] =>
        Array.from({ length: modes }, (_, m) => split.labels!.filter((l) => l === m).length);
      const train = counts(data.train);
      expect(counts(data.validation).map((n, m) => n + train[m]!)).toEqual(new Array(modes).fill(120));
      expect(counts(data.test)).toEqual(new Array(modes).fill(30));
    }
    const all = [...rows(data.train), ...rows(data.validation), ...rows(data.test)];
    expect(new Set(all).size).toBe(all.length);
  });

  test('is decided by the key, and train does not depend on how much is tested', () => {
    const data = generateToy(definition, key(3), small);
    expect(constructors[name]!(key(3), small)).toEqual(data);
    expect(generateToy(definition, key(3), { ...small, testPerMode: 7 }).train).toEqual(data.train);
    expect(generateToy(definition, key(4), small).train.points).not.toEqual(data.train.points);
    expect(rows(data.test)).not.toEqual(rows(data.train).slice(0, data.test.count));
  });

  test('property: any small request works', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.integer({ min: 3, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (seed, n, t, normalize) => {
          const data = generateToy(definition, key(seed), {
            trainPerMode: n,
            testPerMode: t,
            validationShare: 0.3,
            normalize,
          });
          expect(data.train.count + data.validation.count).toBe(n * modes);
          expect(data.validation.count).toBe(Math.max(1, Math.floor(0.3 * (n * modes))));
          expect(data.test.count).toBe(t * modes);
          expect([...data.train.points, ...data.validation.points, ...data.test.points].every(Number.isFinite)).toBe(
            true,
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  test('is in the table of the README', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
    const size = modes === 1 ? `${definition.trainPerMode}` : `${modes} × ${definition.trainPerMode}`;
    expect(readme).toContain(
      `| \`${name}\` | ${definition.description} | ${size} | ${definition.labelled ? 'yes' : 'no'} |`,
    );
  });
});

test('names are unique, and each has its constructor', () => {
  expect(Object.keys(constructors)).toEqual(toyDatasets.map(({ name }) => name));
  expect(new Set(Object.keys(constructors)).size).toBe(toyDatasets.length);
});

test('an unknown name is answered with those that exist', () => {
  expect(() => toyDataset('gausians')).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: toyDataset: there is no toy data set 'gausians'. To fix: use one of gaussians, gaussians-spiral, spirals, spirals-classification, moons, concentric, diffeqml, 8gaussians, 2spirals, pinwheel, checkerboard, swissroll, circles, rings.]`,
  );
});

test('bad requests are named', () => {
  const bad = (options: ToyOptions) => () => api.gaussians(key(0), options);
  expect(bad({ trainPerMode: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: gaussians: trainPerMode 0 is not a number of points. To fix: pass an integer from 1 to 100000000.]`,
  );
  expect(bad({ trainPerMode: 1.5 })).toThrow(api.DatasetError);
  expect(bad({ trainPerMode: Number.NaN })).toThrow(api.DatasetError);
  expect(bad({ testPerMode: -1 })).toThrow('testPerMode -1');
  expect(bad({ validationShare: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: gaussians: validationShare 1 is not in [0, 1). To fix: hold out a share such as 0.1, or 0 for none.]`,
  );
  expect(bad({ validationShare: -0.1 })).toThrow(api.DatasetError);
  expect(() => api.diffeqml(key(0), { trainPerMode: 1, testPerMode: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: diffeqml: 1 training points leave none beside validation. To fix: raise trainPerMode, or pass validationShare: 0.]`,
  );
  expect(api.diffeqml(key(0), { trainPerMode: 1, validationShare: 0 }).validation.count).toBe(0);
});

test('a definition with constant points cannot be normalised, and says so', () => {
  const constant = {
    ...toyDataset('moons'),
    name: 'constant',
    sample: (_: unknown, __: number, n: number) => new Float64Array(2 * n),
  };
  expect(() => generateToy(constant, key(0))).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: constant: the 2048 entries have standard deviation 0. To fix: draw more points, or pass normalize: false.]`,
  );
});

/** The mean of r² of each mode before normalisation, in closed form. */
const meanSquaredRadius: Readonly<Record<string, (mode: number) => number>> = {
  '8gaussians': () => 8 + 2 * 0.125,
  '2spirals': () => {
    // Jitter U/2 on x = -n cos n and y = n sin n: E n² + E n (sin n - cos n) / 2 + 2 / 12, with density 2n/a² of n on [0, a].
    const a = 3 * Math.PI;
    const steps = 10_000;
    let cross = 0;
    for (let i = 0; i < steps; i++) {
      const n = ((i + 0.5) * a) / steps;
      cross += ((2 * n) / a ** 2) * n * (Math.sin(n) - Math.cos(n)) * (a / steps);
    }
    return (a ** 2 / 2 + cross / 2 + 1 / 6) / 9 + 2 * 0.01;
  },
  pinwheel: () => 4 * (1 + 0.3 ** 2 + 0.1 ** 2),
  checkerboard: (mode) => {
    // A square of side 2 about (x, y): x² + y² + 2 · 2² / 12.
    const column = mode >> 1;
    const row = 2 * (mode & 1) + (column & 1);
    return (2 * column - 3) ** 2 + (2 * row - 3) ** 2 + 2 / 3;
  },
  swissroll: () => (((4.5 ** 3 - 1.5 ** 3) / 9) * Math.PI ** 2 + 2) / 25,
  circles: (mode) => [9, 2.25][mode]! + 2 * 0.24 ** 2,
  rings: (mode) => (3 - 0.75 * mode) ** 2 + 2 * 0.08 ** 2,
};

test.each(Object.entries(meanSquaredRadius))(
  '%s has the mean squared radius of its law, mode by mode',
  (name, expected) => {
    const definition = toyDataset(name);
    const n = 50_000;
    for (let mode = 0; mode < definition.modes; mode++) {
      const points = definition.sample(key(5), mode, n);
      const squares = Float64Array.from({ length: n }, (_, i) => points[2 * i]! ** 2 + points[2 * i + 1]! ** 2);
      const mean = squares.reduce((sum, x) => sum + x, 0) / n;
      const standardError = Math.sqrt(squares.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1) / n);
      expect(Math.abs(mean - expected(mode))).toBeLessThan(4 * standardError);
    }
  },
);

test('checkerboard covers its squares evenly and nothing else', () => {
  const { train, validation } = api.checkerboard(key(6), { trainPerMode: 4000, normalize: false });
  // 8 squares in 16 cells each: chi-square with 8·15 degrees of freedom (equal numbers per square); 99.9 % quantile 173.6.
  const cells = new Map<string, number>();
  for (const { points, count } of [train, validation]) {
    for (let i = 0; i < count; i++) {
      const [x, y] = [Math.floor(2 * (points[2 * i]! + 4)), Math.floor(2 * (points[2 * i + 1]! + 4))];
      expect(((x >> 2) + (y >> 2)) % 2).toBe(0);
      cells.set(`${x},${y}`, (cells.get(`${x},${y}`) ?? 0) + 1);
    }
  }
  expect(cells.size).toBe(128);
  expect([...cells.values()].reduce((sum, c) => sum + (c - 250) ** 2 / 250, 0)).toBeLessThan(173.6);
});

test('pinwheel blades are turned by a fifth of a circle each, and by a quarter of the exponential of the radius', () => {
  const definition = toyDataset('pinwheel');
  const n = 20_000;
  for (let mode = 0; mode < 5; mode++) {
    const points = definition.sample(key(7), mode, n);
    let [cos, sin] = [0, 0];
    for (let i = 0; i < n; i++) {
      const [x, y] = [points[2 * i]! / 2, points[2 * i + 1]! / 2];
      // The radial coordinate is √(r² - tangential²), about r - 0.01/2r; that shifts the angle by less than 0.25·e·0.005.
      const angle = Math.atan2(y, x) + (2 * Math.PI * mode) / 5 + 0.25 * Math.exp(Math.hypot(x, y));
      cos += Math.cos(angle) / n;
      sin += Math.sin(angle) / n;
    }
    expect(Math.abs(Math.atan2(sin, cos))).toBeLessThan(0.01);
    expect(Math.hypot(cos, sin)).toBeGreaterThan(0.97);
  }
});

test('the second spiral is the first one mirrored', () => {
  const { sample } = toyDataset('spirals');
  expect(sample(key(8), 1, 100)).toEqual(sample(key(8), 0, 100).map((x) => -x));
});

test('diffeqml: its kernel centers solve the differential equation', () => {
  // Orbits by classical Runge-Kutta in 500 steps as oracle (error about 1e-9); every point of the data set must be near one, or the circle.
  const field = ([x, y]: readonly [number, number]): [number, number] => {
    const s = 1 - x * x - y * y;
    return [-y + x * s, x + y * s];
  };
  const centers: [number, number][] = [];
  const h = 3.2 / 499;
  for (const start of [
    [0, 2],
    [-1.6, -1.2],
    [1.6, -1.2],
  ] as [number, number][]) {
    let z = start;
    for (let i = 0; i < 500; i++) {
      centers.push(z);
      const along = (k: [number, number], s: number): [number, number] => [z[0] + s * h * k[0], z[1] + s * h * k[1]];
      const k1 = field(z);
      const k2 = field(along(k1, 0.5));
      const k3 = field(along(k2, 0.5));
      const k4 = field(along(k3, 1));
      z = [0, 1].map((d) => z[d]! + (h / 6) * (k1[d]! + 2 * k2[d]! + 2 * k3[d]! + k4[d]!)) as [number, number];
    }
  }
  for (let i = 0; i < 1000; i++)
    centers.push([2 * Math.cos((2 * Math.PI * i) / 999), 2 * Math.sin((2 * Math.PI * i) / 999)]);
  const n = 4000;
  const points = toyDataset('diffeqml').sample(key(9), 0, n);
  // The nearest center is at most as far as the true one: Rayleigh with σ = √(0.01² + 0.05²), beyond 5.3σ with probability 8e-7.
  let largest = 0;
  for (let i = 0; i < n; i++) {
    const nearest = Math.min(...centers.map(([x, y]) => Math.hypot(points[2 * i]! - x, points[2 * i + 1]! - y)));
    largest = Math.max(largest, nearest);
  }
  expect(largest).toBeLessThan(5.3 * Math.sqrt(0.01 ** 2 + 0.05 ** 2));
});
