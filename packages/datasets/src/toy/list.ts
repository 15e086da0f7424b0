import { DatasetError } from '../errors.ts';
import { checkerboardDefinition } from './checkerboard.ts';
import { circlesDefinition } from './circles.ts';
import { concentricDefinition } from './concentric.ts';
import type { ToyDefinition } from './definition.ts';
import { diffeqmlDefinition } from './diffeqml.ts';
import { eightGaussiansDefinition } from './eight-gaussians.ts';
import { gaussiansSpiralDefinition } from './gaussians-spiral.ts';
import { gaussiansDefinition } from './gaussians.ts';
import { moonsDefinition } from './moons.ts';
import { pinwheelDefinition } from './pinwheel.ts';
import { ringsDefinition } from './rings.ts';
import { spiralsClassificationDefinition, spiralsDefinition } from './spirals.ts';
import { swissrollDefinition } from './swissroll.ts';
import { twoSpiralsDefinition } from './two-spirals.ts';

/**
 * Every toy data set, the paper's seven first. A new one is a file with its definition and a line here: the tests, the command line and
 * the table in the README follow this list.
 *
 * @example
 * ```ts
 * import { toyDatasets } from '@sparseflow/datasets';
 *
 * console.log(toyDatasets.map(({ name }) => name).includes('gaussians')); // true
 * ```
 */
export const toyDatasets: readonly ToyDefinition[] = [
  gaussiansDefinition,
  gaussiansSpiralDefinition,
  spiralsDefinition,
  spiralsClassificationDefinition,
  moonsDefinition,
  concentricDefinition,
  diffeqmlDefinition,
  eightGaussiansDefinition,
  twoSpiralsDefinition,
  pinwheelDefinition,
  checkerboardDefinition,
  swissrollDefinition,
  circlesDefinition,
  ringsDefinition,
];

/**
 * The toy data set of that name.
 *
 * @throws {DatasetError} for a name that is not in {@link toyDatasets}; the message lists those that are.
 * @example
 * ```ts
 * import { toyDataset } from '@sparseflow/datasets';
 *
 * console.log(toyDataset('pinwheel').modes); // 5
 * ```
 */
export function toyDataset(name: string): ToyDefinition {
  const found = toyDatasets.find((definition) => definition.name === name);
  if (!found) {
    throw new DatasetError(
      'toyDataset',
      `there is no toy data set '${name}'`,
      `use one of ${toyDatasets.map((d) => d.name).join(', ')}`,
    );
  }
  return found;
}
