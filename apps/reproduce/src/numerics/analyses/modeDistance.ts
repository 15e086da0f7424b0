import type { Mode } from '@sparseflow/datasets';

/** Where samples fall among the modes of the data. */
export interface NearestModes {
  /** Distance of each sample to its nearest mode, in the paper's sense. */
  readonly distances: Float64Array;
  /** Index of that mode. */
  readonly nearest: Int32Array;
}

/**
 * Distances by which the paper judges samples (Table 4): ‖x - m‖² / √((x - m)ᵀ Σ (x - m)), which counts standard deviations along the
 * direction from the mode to the sample where that is a principal axis. It is not Mahalanobis' distance.
 *
 * @param points [n, dim], row-major.
 */
export function nearestModes(points: ArrayLike<number>, modes: readonly Mode[]): NearestModes {
  const dim = modes[0]!.mean.length;
  const count = points.length / dim;
  const distances = new Float64Array(count).fill(Infinity);
  const nearest = new Int32Array(count);
  const deviation = new Float64Array(dim);
  modes.forEach(({ mean, covariance }, k) => {
    for (let i = 0; i < count; i++) {
      let squared = 0;
      for (let a = 0; a < dim; a++) {
        deviation[a] = points[i * dim + a]! - mean[a]!;
        squared += deviation[a]! ** 2;
      }
      let spread = 0;
      for (let a = 0; a < dim; a++) {
        let along = 0;
        for (let b = 0; b < dim; b++) along += covariance[a * dim + b]! * deviation[b]!;
        spread += deviation[a]! * along;
      }
      const distance = ratioOf(squared, spread);
      if (distance < distances[i]!) {
        distances[i] = distance;
        nearest[i] = k;
      }
    }
  });
  return { distances, nearest };
}

/** The distance, from ‖x - m‖² and (x - m)ᵀ Σ (x - m). At the mode itself both are 0. */
export function ratioOf(squared: number, spread: number): number {
  return squared === 0 ? 0 : squared / Math.sqrt(spread);
}

/** Share of samples within `limit` of a mode. */
export function goodShare({ distances }: NearestModes, limit: number): number {
  return distances.reduce((sum, distance) => sum + Number(distance <= limit), 0) / distances.length;
}

/** For each mode, the share of samples within `limit` of it that are nearest to it; a mode with any is captured. */
export function modeShares({ distances, nearest }: NearestModes, limit: number, modes: number): number[] {
  const shares = new Array<number>(modes).fill(0);
  distances.forEach((distance, i) => {
    if (distance < limit) shares[nearest[i]!]! += 1 / distances.length;
  });
  return shares;
}
