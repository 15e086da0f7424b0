import { PruningError } from './errors.ts';

/**
 * n numbers from `first` to `last`, each a constant factor after the one before. As keep ratios: every round prunes the same share of what
 * is left.
 *
 * @throws {PruningError} when a ratio is not in (0, 1], or n is not a count of at least 1
 *
 * @example
 * ```ts
 * import { geometric } from '@sparseflow/pruning';
 *
 * console.log(geometric(0.8, 0.2, 3)); // 0.8, 0.4, 0.2
 * ```
 */
export function geometric(first: number, last: number, n: number): number[] {
  return between('geometric', first, last, n, (t) => first * (last / first) ** t);
}

/**
 * n numbers from `first` to `last`, each a constant difference after the one before.
 *
 * @throws {PruningError} when a ratio is not in (0, 1], or n is not a count of at least 1
 *
 * @example
 * ```ts
 * import { linear } from '@sparseflow/pruning';
 *
 * console.log(linear(0.75, 0.25, 3)); // 0.75, 0.5, 0.25
 * ```
 */
export function linear(first: number, last: number, n: number): number[] {
  return between('linear', first, last, n, (t) => first + (last - first) * t);
}

/**
 * n numbers from `first` to `last` along a cubic that falls fast at first and then ever more slowly: last + (first - last) (1 - t)³ with t
 * from 0 to 1 (Zhu and Gupta 2017, "To Prune, or Not to Prune", eq. 1).
 *
 * @throws {PruningError} when a ratio is not in (0, 1], or n is not a count of at least 1
 *
 * @example
 * ```ts
 * import { cubic } from '@sparseflow/pruning';
 *
 * console.log(cubic(0.9, 0.1, 3)); // 0.9, 0.2, 0.1
 * ```
 */
export function cubic(first: number, last: number, n: number): number[] {
  return between('cubic', first, last, n, (t) => last + (first - last) * (1 - t) ** 3);
}

/**
 * Keep ratios (1 - rate)¹ … (1 - rate)ⁿ: each of n rounds prunes the share `rate` of what is left, as Algorithm 1 of Sparse Flows says.
 *
 * @throws {PruningError} when the rate is not in [0, 1), or n is not a count of at least 1
 *
 * @example
 * ```ts
 * import { constantRate } from '@sparseflow/pruning';
 *
 * console.log(constantRate(0.5, 3)); // 0.5, 0.25, 0.125
 * ```
 */
export function constantRate(rate: number, n: number): number[] {
  checkRatio('constantRate', 1 - rate);
  checkCount('constantRate', n);
  return Array.from({ length: n }, (_, i) => (1 - rate) ** (i + 1));
}

const paperSchedules = {
  toy: () => [...geometric(0.8, 0.2, 20), ...linear(0.18, 0.02, 9)],
  power: () => geometric(0.7, 0.1, 8),
  gas: () => geometric(0.7, 0.1, 8),
  bsds300: () => geometric(0.7, 0.1, 8),
  hepmass: () => geometric(0.8, 0.05, 12),
  miniboone: () => [...geometric(0.8, 0.05, 12), ...linear(0.04, 0.01, 4)],
  mnist: () => geometric(0.8, 0.05, 12),
  cifar10: () => geometric(0.8, 0.05, 12),
} as const;

/** The tasks of the paper that have a list of keep ratios. */
export type PaperTask = keyof typeof paperSchedules;

/**
 * The keep ratios with which the Sparse Flows paper was made, by task.
 *
 * @example
 * ```ts
 * import { paperKeepRatios } from '@sparseflow/pruning';
 *
 * console.log(paperKeepRatios('power').length); // 8, from 0.7 to 0.1
 * ```
 */
export function paperKeepRatios(task: PaperTask): number[] {
  return paperSchedules[task]();
}

/** The keep ratios of the toy data sets: {@link paperKeepRatios}('toy'). */
export function paperToyKeepRatios(): number[] {
  return paperKeepRatios('toy');
}

function between(where: string, first: number, last: number, n: number, at: (t: number) => number): number[] {
  checkRatio(where, first);
  checkRatio(where, last);
  checkCount(where, n);
  // The end points are exact, whatever the powers in between round to.
  return Array.from({ length: n }, (_, i) => (i === 0 ? first : i === n - 1 ? last : at(i / (n - 1))));
}

function checkRatio(where: string, ratio: number): void {
  if (!(ratio > 0 && ratio <= 1)) {
    throw new PruningError(where, `the keep ratio ${ratio} is not in (0, 1]`, 'pass the share that is kept');
  }
}

function checkCount(where: string, n: number): void {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new PruningError(where, `n is ${n}`, 'pass how many ratios are wanted, at least 1');
  }
}
