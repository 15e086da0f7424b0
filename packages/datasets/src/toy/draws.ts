import { fold, normal, uniform, type Key } from '@sparseflow/tensor';

/** `count` points of an isotropic Gaussian in the plane. */
export function gaussianPoints(key: Key, count: number, center: readonly [number, number], std: number): Float64Array {
  return normal(key, 2 * count).map((x, i) => center[i & 1]! + std * x);
}

/** Adds independent Gaussian noise to every coordinate. */
export function withNoise(key: Key, points: Float64Array, std: number): Float64Array {
  const noise = normal(key, points.length);
  return points.map((x, i) => x + std * noise[i]!);
}

/** `count` points uniform on the circle of the given radius, plus Gaussian noise. */
export function noisyCircle(key: Key, count: number, radius: number, noise: number): Float64Array {
  const points = new Float64Array(2 * count);
  for (const [i, u] of uniform(fold(key, 0), count).entries()) {
    points[2 * i] = radius * Math.cos(2 * Math.PI * u);
    points[2 * i + 1] = radius * Math.sin(2 * Math.PI * u);
  }
  return withNoise(fold(key, 1), points, noise);
}

/** The point at an angle (radians) on a circle about the origin. */
export function onCircle(angle: number, radius: number): [number, number] {
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** The i-th of `count` equally spaced numbers from `start` to `end`, both included. */
export function linspace(start: number, end: number, count: number, i: number): number {
  return count === 1 ? start : start + ((end - start) * i) / (count - 1);
}
