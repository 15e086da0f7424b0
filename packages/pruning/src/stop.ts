import { PruningError } from './errors.ts';
import type { RoundSummary } from './sparseFlow.ts';

/** Looks at the finished rounds, the dense one first, and says whether to stop. */
export type StopRule = (rounds: readonly RoundSummary[]) => boolean;

/**
 * The stop rule of Algorithm 1: go on while the validation loss decreases. Stops once `patience` + 1 rounds in a row have not gone below
 * the least loss before them. A loss that is NaN counts as not decreasing.
 *
 * @param loss - The loss of a round, such as a metric; the rule reads nothing else.
 * @throws {PruningError} when patience is not a count
 *
 * @example
 * ```ts
 * import { whileLossDecreases } from '@sparseflow/pruning';
 * import type { RoundSummary } from '@sparseflow/pruning';
 *
 * const rule = whileLossDecreases(({ metrics }) => metrics['validationNll']!);
 * const report = { originalSize: 4, size: 4, keepRatio: 1, parameters: {}, neurons: {} };
 * const rounds = [1.3, 1.2, 1.25].map(
 *   (validationNll, round): RoundSummary => ({ round, keep: 1, report, metrics: { validationNll } }),
 * );
 * console.log(rule(rounds.slice(0, 2)), rule(rounds)); // false, true
 * ```
 */
export function whileLossDecreases(loss: (round: RoundSummary) => number, patience = 0): StopRule {
  if (!Number.isSafeInteger(patience) || patience < 0) {
    throw new PruningError('whileLossDecreases', `patience is ${patience}`, 'pass a number of rounds, 0 or more');
  }
  return (rounds) => {
    let least = Infinity;
    let without = 0;
    for (const round of rounds) {
      const value = loss(round);
      without = value < least ? 0 : without + 1;
      if (value < least) least = value;
    }
    return without > patience;
  };
}
