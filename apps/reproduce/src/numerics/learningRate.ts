import type { Training } from '../plan.ts';

/**
 * The learning rate's factor in an epoch of a round: a tenth after each milestone. Or it decays. With `patience` it falls whenever the validation loss has not improved for that
 * many epochs since it did or since the last fall (reduce on plateau); otherwise at equal steps over the second half of the round.
 *
 * @param validations of the epochs before, in order; needed with `patience` only.
 */
export function learningRateFactor(
  { epochs, patience, decay, milestones = [] }: Training,
  epoch: number,
  validations: readonly number[],
): number {
  if (decay === undefined) return 0.1 ** milestones.filter((milestone) => milestone <= epoch).length;
  const { factor, times } = decay;
  if (patience === null) {
    const milestones = Array.from({ length: times }, (_, k) => (epochs * (times + k)) / (2 * times));
    return factor ** milestones.filter((milestone) => milestone <= epoch).length;
  }
  let lowest = Infinity;
  let waited = 0;
  let falls = 0;
  for (const validation of validations) {
    waited += 1;
    if (validation < lowest) {
      lowest = validation;
      waited = 0;
    } else if (waited >= patience && falls < times) {
      falls += 1;
      waited = 0;
    }
  }
  return factor ** falls;
}
