import { DatasetError } from '../errors.ts';
import { bsds300Definition } from './bsds300.ts';
import { cifar10Definition } from './cifar10.ts';
import type { DatasetDefinition } from './definition.ts';
import { gasDefinition } from './gas.ts';
import { hepmassDefinition } from './hepmass.ts';
import { minibooneDefinition } from './miniboone.ts';
import { mnistDefinition } from './mnist.ts';
import { powerDefinition } from './power.ts';

/**
 * Every data set that comes in files. A new one is a file with its definition and a line here: the tests, the command line and the table in
 * the README follow this list.
 *
 * @example
 * ```ts
 * import { realDatasets } from '@sparseflow/datasets';
 *
 * console.log(realDatasets.map(({ name, dim }) => `${name} ${dim}`).includes('miniboone 43')); // true
 * ```
 */
export const realDatasets: readonly DatasetDefinition[] = [
  powerDefinition,
  gasDefinition,
  hepmassDefinition,
  minibooneDefinition,
  bsds300Definition,
  mnistDefinition,
  cifar10Definition,
];

/**
 * The data set of that name.
 *
 * @throws {DatasetError} for a name that is not in {@link realDatasets}; the message lists those that are.
 * @example
 * ```ts
 * import { realDataset } from '@sparseflow/datasets';
 *
 * console.log(realDataset('miniboone').rows[0]); // 29556
 * ```
 */
export function realDataset(name: string): DatasetDefinition {
  const found = realDatasets.find((definition) => definition.name === name);
  if (!found) {
    throw new DatasetError(
      'realDataset',
      `there is no data set '${name}' in files`,
      `use one of ${realDatasets.map((d) => d.name).join(', ')}`,
    );
  }
  return found;
}
