import { readFileSync } from 'node:fs';
import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { generateToy } from './toy/definition.ts';
import { toyDataset } from './toy/list.ts';
import { modes } from './modes.ts';

interface Fixture {
  readonly samples: [number, number][];
  readonly get_modes: { labels: number[]; modes: number[][]; covs: number[][][] };
}

const path = new URL('../test/fixtures/mode-collapse.json', import.meta.url);
const { samples, get_modes: golden } = JSON.parse(readFileSync(path, 'utf8')) as Fixture;

test('means and covariances equal those of NumPy', () => {
  const labels = Int32Array.from(golden.labels);
  const points = Float64Array.from(samples.slice(0, labels.length).flat());
  const found = modes({ points, labels, count: labels.length, dim: 2 });
  expect(found.map((m) => m.label)).toEqual([0, 1, 2, 3]);
  for (const [k, { mean, covariance, count }] of found.entries()) {
    expect(count).toBe(15);
    mean.forEach((x, d) => expect(Math.abs(x - golden.modes[k]![d]!)).toBeLessThan(1e-14));
    covariance.forEach((x, e) => expect(Math.abs(x - golden.covs[k]!.flat()[e]!)).toBeLessThan(1e-14));
  }
});

test('labels may come in any order and need not be consecutive', () => {
  const found = modes({ points: Float64Array.of(5, 1, 7, 3), labels: Int32Array.of(9, 2, 9, 2), count: 4, dim: 1 });
  expect(found).toEqual([
    { label: 2, count: 2, mean: Float64Array.of(2), covariance: Float64Array.of(2) },
    { label: 9, count: 2, mean: Float64Array.of(6), covariance: Float64Array.of(2) },
  ]);
});

test('the modes of the gaussians are round, with σ 0.5 before normalisation', () => {
  const { train } = generateToy(toyDataset('gaussians'), key(0), { normalize: false });
  for (const { count, covariance } of modes(train)) {
    // var of a variance is 2σ⁴/(n-1), of a covariance σ⁴/(n-1); 4 standard errors.
    const se = 0.25 / Math.sqrt(count - 1);
    expect(Math.abs(covariance[0]! - 0.25)).toBeLessThan(4 * Math.SQRT2 * se);
    expect(Math.abs(covariance[3]! - 0.25)).toBeLessThan(4 * Math.SQRT2 * se);
    expect(Math.abs(covariance[1]!)).toBeLessThan(4 * se);
    expect(covariance[1]).toBe(covariance[2]);
  }
});

test('data without labels, and lonely points, are named', () => {
  expect(() => modes({ points: new Float64Array(4), count: 2, dim: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: modes: the points have no labels. To fix: use a labelled data set.]`,
  );
  expect(() =>
    modes({ points: new Float64Array(6), labels: Int32Array.of(0, 0, 1), count: 3, dim: 2 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: modes: label 1 has 1 point, too few for a covariance. To fix: draw at least 2 points per mode.]`,
  );
});
