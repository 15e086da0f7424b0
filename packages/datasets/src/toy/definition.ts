import { fold, permutation, type Key } from '@sparseflow/tensor';
import { takeRows, type Dataset, type Scaling, type Split } from '../dataset.ts';
import { DatasetError } from '../errors.ts';
import { rescale, scalarScaling } from '../normalize.ts';

/** A toy density in the plane: everything that distinguishes it. The rest is derived by {@link generateToy}. */
export interface ToyDefinition {
  /** As on the command line. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** The number of parts that are drawn separately, with equally many points each. */
  readonly modes: number;
  /** Whether the mode of a point is its label. */
  readonly labelled: boolean;
  /** Training points per mode, unless asked otherwise; half as many are drawn for testing. */
  readonly trainPerMode: number;
  /** Draws `count` raw points of one mode, row-major pairs. The key is the same for every mode of a draw. */
  sample(key: Key, mode: number, count: number): Float64Array;
}

/** How much of a toy data set to draw. */
export interface ToyOptions {
  /** Points drawn per mode for training and validation together. Default: the data set's own number. */
  readonly trainPerMode?: number;
  /** Points drawn per mode for testing. Default: half of `trainPerMode`, at least 1. */
  readonly testPerMode?: number;
  /** Share of the training draw that is held out for validation: floor(share · n), at least one point unless 0. Default: 0.1. */
  readonly validationShare?: number;
  /** Whether each draw is shifted and scaled by its own scalar mean and unbiased standard deviation. Default: true. */
  readonly normalize?: boolean;
}

const DIM = 2;
const UNSCALED: Scaling = { mean: 0, std: 1 };

/**
 * Draws a toy data set by the paper's protocol: train and test separately, each normalised by its own scalar mean and unbiased standard
 * deviation over all entries; then a random tenth of train is held out for validation. Points come in random order, so that any prefix of
 * a split is a fair sample of it.
 *
 * The same key gives the same data. Trigonometric functions are the platform's, so another JavaScript engine may differ in the last bit.
 *
 * @throws {DatasetError} when a count or the share is out of range.
 * @example
 * ```ts
 * import { generateToy, toyDataset } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 *
 * const data = generateToy(toyDataset('moons'), key(0), { trainPerMode: 100 });
 * console.log(data.train.count, data.validation.count, data.test.count); // 180 20 100
 * ```
 */
export function generateToy(definition: ToyDefinition, key: Key, options: ToyOptions = {}): Dataset {
  const { name } = definition;
  const trainPerMode = options.trainPerMode ?? definition.trainPerMode;
  const testPerMode = options.testPerMode ?? Math.max(1, Math.floor(trainPerMode / 2));
  const share = options.validationShare ?? 0.1;
  checkCount(name, 'trainPerMode', trainPerMode);
  checkCount(name, 'testPerMode', testPerMode);
  if (!(share >= 0 && share < 1)) {
    throw new DatasetError(
      name,
      `validationShare ${share} is not in [0, 1)`,
      'hold out a share such as 0.1, or 0 for none',
    );
  }

  const [train, trainScaling] = draw(definition, fold(key, 0), trainPerMode, options.normalize ?? true);
  const [test, testScaling] = draw(definition, fold(key, 1), testPerMode, options.normalize ?? true);
  const held = share === 0 ? 0 : Math.max(1, Math.floor(share * train.count));
  if (held >= train.count) {
    throw new DatasetError(
      name,
      `${train.count} training points leave none beside validation`,
      'raise trainPerMode, or pass validationShare: 0',
    );
  }
  const order = permutation(fold(key, 2), train.count);
  return {
    name,
    dim: DIM,
    train: takeRows(train, order.subarray(held)),
    validation: takeRows(train, order.subarray(0, held)),
    test: takeRows(test, permutation(fold(key, 3), test.count)),
    scaling: { train: trainScaling, test: testScaling },
  };
}

/** One draw, modes in order. */
function draw(definition: ToyDefinition, key: Key, perMode: number, normalize: boolean): [Split, Scaling] {
  const count = definition.modes * perMode;
  const raw = new Float64Array(count * DIM);
  for (let mode = 0; mode < definition.modes; mode++)
    raw.set(definition.sample(key, mode, perMode), mode * perMode * DIM);
  const scaling = normalize ? scalarScaling(definition.name, raw) : UNSCALED;
  const points = normalize ? rescale(raw, scaling) : raw;
  const labels = Int32Array.from({ length: count }, (_, i) => Math.floor(i / perMode));
  return [definition.labelled ? { points, labels, count, dim: DIM } : { points, count, dim: DIM }, scaling];
}

function checkCount(name: string, option: string, n: number): void {
  if (!Number.isSafeInteger(n) || n < 1 || n > 1e8) {
    throw new DatasetError(name, `${option} ${n} is not a number of points`, 'pass an integer from 1 to 100000000');
  }
}
