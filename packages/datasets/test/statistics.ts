import type { Split } from '../src/dataset.ts';
import { modes } from '../src/modes.ts';

/** What a data set is compared by. Keys are paths such as `mean.0`; values are one number each. */
export type Statistics = Record<string, number>;

/** Every statistic that the fixture of a data set holds, by path, `raw_*` and normalised. */
export function fixtureStatistics(fixture: DatasetFixture): Statistics {
  const out: Statistics = {
    'raw scalar mean': fixture.raw_mean_scalar,
    'raw scalar std': fixture.raw_std_scalar,
    'radius q0.05': fixture.radius_quantiles['0.05']!,
    'radius q0.25': fixture.radius_quantiles['0.25']!,
    'radius q0.5': fixture.radius_quantiles['0.5']!,
    'radius q0.75': fixture.radius_quantiles['0.75']!,
    'radius q0.95': fixture.radius_quantiles['0.95']!,
    'cov xy': fixture.cov[0]![1]!,
  };
  for (const axis of [0, 1]) {
    out[`raw mean ${axis}`] = fixture.raw_mean[axis]!;
    out[`raw std ${axis}`] = fixture.raw_std[axis]!;
    out[`mean ${axis}`] = fixture.mean[axis]!;
    out[`var ${axis}`] = fixture.cov[axis]![axis]!;
    out[`skew ${axis}`] = fixture.skew[axis]!;
    out[`kurtosis ${axis}`] = fixture.kurtosis[axis]!;
    for (const [q, values] of Object.entries(fixture.quantiles)) out[`q${q} ${axis}`] = values[axis]!;
  }
  for (const { label, mean, cov } of fixture.modes) {
    out[`mode ${label} mean 0`] = mean[0]!;
    out[`mode ${label} mean 1`] = mean[1]!;
    out[`mode ${label} var 0`] = cov[0]![0]!;
    out[`mode ${label} var 1`] = cov[1]![1]!;
    out[`mode ${label} cov`] = cov[0]![1]!;
  }
  return out;
}

/** The same statistics of a normalised split of points in the plane. */
export function statistics(split: Split, scaling: { mean: number; std: number }): Statistics {
  const { points, count } = split;
  const out: Statistics = { 'raw scalar mean': scaling.mean, 'raw scalar std': scaling.std };
  const axes = [0, 1].map((axis) => Float64Array.from({ length: count }, (_, i) => points[2 * i + axis]!));
  const means = axes.map((x) => average(x));
  for (const [axis, x] of axes.entries()) {
    const mean = means[axis]!;
    let [second, third, fourth] = [0, 0, 0];
    for (const v of x) {
      const d = v - mean;
      second += (d * d) / count;
      third += (d * d * d) / count;
      fourth += (d * d * d * d) / count;
    }
    const unbiased = (second * count) / (count - 1);
    out[`raw mean ${axis}`] = mean * scaling.std + scaling.mean;
    out[`raw std ${axis}`] = Math.sqrt(unbiased) * scaling.std;
    out[`mean ${axis}`] = mean;
    out[`var ${axis}`] = unbiased;
    out[`skew ${axis}`] = third / second ** 1.5;
    out[`kurtosis ${axis}`] = fourth / (second * second) - 3;
    const sorted = x.slice().sort();
    for (const q of [0.05, 0.25, 0.5, 0.75, 0.95]) out[`q${q} ${axis}`] = quantile(sorted, q);
  }
  out['cov xy'] = average(axes[0]!.map((x, i) => (x - means[0]!) * (axes[1]![i]! - means[1]!))) * (count / (count - 1));
  const radii = axes[0]!.map((x, i) => Math.sqrt(x * x + axes[1]![i]! * axes[1]![i]!)).sort();
  for (const q of [0.05, 0.25, 0.5, 0.75, 0.95]) out[`radius q${q}`] = quantile(radii, q);
  const labelled = split.labels ? split : { ...split, labels: new Int32Array(count) };
  for (const { label, mean, covariance } of modes(labelled)) {
    out[`mode ${label} mean 0`] = mean[0]!;
    out[`mode ${label} mean 1`] = mean[1]!;
    out[`mode ${label} var 0`] = covariance[0]!;
    out[`mode ${label} var 1`] = covariance[3]!;
    out[`mode ${label} cov`] = covariance[1]!;
  }
  return out;
}

export interface DatasetFixture {
  readonly total_points_here: number;
  readonly raw_mean_scalar: number;
  readonly raw_std_scalar: number;
  readonly raw_mean: number[];
  readonly raw_std: number[];
  readonly mean: number[];
  readonly cov: number[][];
  readonly skew: number[];
  readonly kurtosis: number[];
  readonly quantiles: Record<string, number[]>;
  readonly radius_quantiles: Record<string, number>;
  readonly modes: { label: number; count: number; mean: number[]; cov: number[][] }[];
}

function average(x: Float64Array): number {
  let sum = 0;
  for (const v of x) sum += v;
  return sum / x.length;
}

/** Linear interpolation between order statistics. */
function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  return sorted[below]! + (position - below) * ((sorted[below + 1] ?? sorted[below]!) - sorted[below]!);
}
