import { readFileSync, writeFileSync } from 'node:fs';
import { fold, key } from '@sparseflow/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateToy, toyDataset } from '../src/index.ts';
import { fixtureStatistics, statistics, type DatasetFixture, type Statistics } from './statistics.ts';

/*
 * datasets.json holds the statistics of one draw of about 100,000 points by the original generators. sampling-law.json holds the mean and
 * the standard deviation (sd) of each statistic under our generators, over LAW_REPEATS draws of as many points. If both follow one law,
 * the original draw is one more of these, and its distance to our mean has the standard error sd · √(1 + 1/LAW_REPEATS).
 *
 * The sd is measured and not taken from formulas: the normalisation ties the statistics of a draw together, all points of a Gaussian share
 * one random offset, modes hold equally many points and the angles of moons are not random, so the formulas for independent points are
 * wrong here, most of them too wide to notice anything.
 *
 * `UPDATE_SAMPLING_LAW=1 pnpm exec vitest run --project datasets test/fixtures` computes the law anew, in about five minutes. Every run
 * checks it on REPEATS fresh draws, which also tells when a generator changes.
 */
const LAW_REPEATS = 400;
const REPEATS = 8;

/** Moments lie within 3 standard errors of the original's. */
const MOMENTS = 3;
/** 133 quantiles and shape statistics: each exceeds 4 with probability 6e-5, so any of them with probability 0.8 %. */
const SHAPE = 4;
/** All 335 statistics, our fresh draws against our law: 4.5 is exceeded with probability 7e-6, by any of them with 0.2 %. */
const FRESH = 4.5;
/** The same for 7·s²/sd² of 8 draws, which is chi-square with 7 degrees of freedom. */
const FRESH_SPREAD = 36;
/** The original was computed in float32, and some statistics are exact (the mirrored spirals have mean 0). */
const FLOAT32 = 2e-7;

type Law = Record<string, readonly [mean: number, sd: number]>;

const originals: Readonly<Record<string, string>> = {
  gaussians: 'gaussians',
  'gaussians-spiral': 'gaussians_spiral',
  spirals: 'spirals2',
  'spirals-classification': 'spirals',
  moons: 'moons',
  concentric: 'spheres',
  diffeqml: 'diffeqml',
};

const lawFile = new URL('fixtures/sampling-law.json', import.meta.url);
const read = (url: URL): unknown => JSON.parse(readFileSync(url, 'utf8'));
const fixtures = (
  read(new URL('fixtures/datasets.json', import.meta.url)) as { datasets: Record<string, DatasetFixture> }
).datasets;

/** Statistics of repeated draws, by statistic. */
function repeat(name: string, seed: number, repeats: number): Record<string, number[]> {
  const definition = toyDataset(name);
  const trainPerMode = fixtures[originals[name]!]!.total_points_here / definition.modes;
  const out: Record<string, number[]> = {};
  for (let r = 0; r < repeats; r++) {
    const options = { trainPerMode, testPerMode: 1, validationShare: 0 };
    const { train, scaling } = generateToy(definition, fold(key(seed), r), options);
    for (const [s, value] of Object.entries(statistics(train, scaling.train))) (out[s] ??= []).push(value);
  }
  return out;
}

function meanAndSd(xs: number[]): [number, number] {
  const mean = xs.reduce((sum, x) => sum + x, 0) / xs.length;
  return [mean, Math.sqrt(xs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (xs.length - 1))];
}

/** How many standard errors each of the original's statistics is from ours. */
function distances(original: Statistics, law: Law): Statistics {
  const distance = (value: number, [mean, sd]: Law[string]): number =>
    Math.abs(value - mean) / (sd * Math.sqrt(1 + 1 / LAW_REPEATS) + FLOAT32);
  return Object.fromEntries(Object.entries(original).map(([s, value]) => [s, distance(value, law[s]!)]));
}

const isMoment = (statistic: string): boolean => /mean|std|var|cov/.test(statistic);

beforeAll(() => {
  if (process.env['UPDATE_SAMPLING_LAW'] === undefined) return;
  const lawOf = (name: string): Law => {
    const rounded = (xs: number[]): [number, number] =>
      meanAndSd(xs).map((x) => Number(x.toPrecision(10))) as [number, number];
    return Object.fromEntries(Object.entries(repeat(name, 0, LAW_REPEATS)).map(([s, xs]) => [s, rounded(xs)]));
  };
  writeFileSync(lawFile, JSON.stringify(Object.fromEntries(Object.keys(originals).map((name) => [name, lawOf(name)]))));
}, 3_600_000);

describe.each(Object.entries(originals))('%s', (name, originalName) => {
  const lawOf = (): Law => (read(lawFile) as Record<string, Law>)[name]!;

  test('has the moments, quantiles and modes of the original generator', () => {
    const found = distances(fixtureStatistics(fixtures[originalName]!), lawOf());
    expect(Object.keys(found).sort()).toEqual(Object.keys(lawOf()).sort());
    expect(Object.entries(found).filter(([s, d]) => !(d < (isMoment(s) ? MOMENTS : SHAPE)))).toEqual([]);
  });

  test('fresh draws follow the recorded law', { timeout: 60_000 }, () => {
    const law = lawOf();
    const fresh = Object.entries(repeat(name, 1, REPEATS));
    const off = fresh.filter(([s, xs]) => {
      const [mean, sd] = law[s]!;
      const [ourMean, ourSd] = meanAndSd(xs);
      const near = Math.abs(ourMean - mean) < FRESH * (sd / Math.sqrt(REPEATS) + FLOAT32);
      return !(near && ((REPEATS - 1) * ourSd ** 2) / (sd + FLOAT32) ** 2 < FRESH_SPREAD);
    });
    expect(fresh).toHaveLength(Object.keys(law).length);
    expect(off).toEqual([]);
  });
});

test('the comparison can fail: the two kinds of spirals, which differ in the jitter alone, are told apart', () => {
  const found = distances(fixtureStatistics(fixtures['spirals']!), (read(lawFile) as Record<string, Law>)['spirals']!);
  expect(Math.max(...Object.values(found))).toBeGreaterThan(20);
});
