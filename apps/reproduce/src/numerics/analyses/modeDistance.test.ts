import { readFileSync } from 'node:fs';
import { modes as modesOf } from '@sparseflow/datasets';
import type { Mode } from '@sparseflow/datasets';
import { expect, test } from 'vitest';
import { goodShare, modeShares, nearestModes } from './modeDistance.ts';

/** The original code's distances of 80 samples to four modes, and what follows from them. */
const fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/mode-collapse.json', import.meta.url), 'utf8'),
) as {
  modes: number[][];
  covs: number[][][];
  samples: number[][];
  distances: number[][];
  nearest_mode: number[];
  thresholds: Record<string, { high_quality_fraction: number; modes_captured: number }>;
  get_modes: { labels: number[]; modes: number[][]; covs: number[][][] };
};
const modes: Mode[] = fixture.modes.map((mean, label) => ({
  label,
  count: 2,
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(fixture.covs[label]!.flat()),
}));
const samples = Float64Array.from(fixture.samples.flat());

test('distances are the original code’s', () => {
  modes.forEach((mode, k) => {
    const { distances } = nearestModes(samples, [mode]);
    // Both are a dozen operations in float64.
    distances.forEach((distance, i) =>
      expect(Math.abs(distance - fixture.distances[i]![k]!)).toBeLessThan(1e-12 * (1 + distance)),
    );
  });
  expect([...nearestModes(samples, modes).nearest]).toEqual(fixture.nearest_mode);
});

test.each(Object.entries(fixture.thresholds))('at %s standard deviations', (limit, expected) => {
  const found = nearestModes(samples, modes);
  expect(goodShare(found, Number(limit))).toBeCloseTo(expected.high_quality_fraction, 12);
  // The original counts a mode as captured by any sample near it, also one that is nearer to another.
  const near = modes.filter((mode) => modeShares(nearestModes(samples, [mode]), Number(limit), 1)[0]! > 0);
  expect(near).toHaveLength(expected.modes_captured);
  const shares = modeShares(found, Number(limit), 4);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(expected.high_quality_fraction, 12);
});

test('means and covariances of classes are the original code’s', () => {
  const { labels, modes: means, covs } = fixture.get_modes;
  const points = samples.slice(0, 2 * labels.length);
  const found = modesOf({ points, labels: Int32Array.from(labels), count: labels.length, dim: 2 });
  found.forEach(({ mean, covariance }, k) => {
    [...mean].forEach((value, i) => expect(value).toBeCloseTo(means[k]![i]!, 12));
    [...covariance].forEach((value, i) => expect(value).toBeCloseTo(covs[k]!.flat()[i]!, 12));
  });
});

test('a sample on a mode is at distance 0', () => {
  expect(nearestModes(modes[1]!.mean, modes)).toEqual({
    distances: Float64Array.of(0),
    nearest: Int32Array.of(1),
  });
});
