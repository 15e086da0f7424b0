import { fold, normal, randint, type Key } from '@sparseflow/tensor';
import type { Dataset } from '../dataset.ts';
import { generateToy, type ToyDefinition, type ToyOptions } from './definition.ts';
import { linspace, onCircle, withNoise } from './draws.ts';

const STARTS = [
  [0, 2],
  [-1.6, -1.2],
  [1.6, -1.2],
] as const;
const END_TIME = 3.2;
const POINTS_PER_ORBIT = 500;
const CIRCLE_POINTS = 1000;
const CENTERS = STARTS.length * POINTS_PER_ORBIT + CIRCLE_POINTS;

/**
 * The kernel centers: three orbits of x' = -y + x(1 - r²), y' = x + y(1 - r²), which spiral onto the unit circle, inside a circle of
 * radius 2. In polar coordinates r' = r(1 - r²), θ' = 1, so the solution is closed: r⁻² = 1 + (r₀⁻² - 1) exp(-2t), θ = θ₀ + t.
 */
function center(i: number): [number, number] {
  const orbit = Math.floor(i / POINTS_PER_ORBIT);
  const start = STARTS[orbit];
  if (start === undefined) {
    return onCircle(linspace(0, 2 * Math.PI, CIRCLE_POINTS, i - STARTS.length * POINTS_PER_ORBIT), 2);
  }
  const t = linspace(0, END_TIME, POINTS_PER_ORBIT, i - orbit * POINTS_PER_ORBIT);
  const [x, y] = start;
  const radius = 1 / Math.sqrt(1 + (1 / (x * x + y * y) - 1) * Math.exp(-2 * t));
  return onCircle(Math.atan2(y, x) + t, radius);
}

export const diffeqmlDefinition: ToyDefinition = {
  name: 'diffeqml',
  description:
    'three orbits of a limit cycle and a circle around them: kernel density of width 0.01 plus noise of σ 0.05',
  modes: 1,
  labelled: false,
  trainPerMode: 16384,
  sample(key, _mode, count) {
    const kernel = normal(fold(key, 1), 2 * count);
    const points = new Float64Array(2 * count);
    for (const [i, chosen] of randint(fold(key, 0), count, CENTERS).entries()) {
      const [x, y] = center(chosen);
      points[2 * i] = x + 0.01 * kernel[2 * i]!;
      points[2 * i + 1] = y + 0.01 * kernel[2 * i + 1]!;
    }
    return withNoise(fold(key, 2), points, 0.05);
  },
};

/**
 * Orbits of a limit cycle inside a circle; no labels.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { diffeqml } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * console.log(diffeqml(key(0), { trainPerMode: 1000 }).train.labels); // undefined
 * ```
 */
export function diffeqml(key: Key, options?: ToyOptions): Dataset {
  return generateToy(diffeqmlDefinition, key, options);
}
