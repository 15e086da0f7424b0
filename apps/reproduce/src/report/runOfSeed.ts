import type { Result } from '../results/schema.ts';

/**
 * Under the title of a figure that shows models of one seed: what they are of, and what else is to be said.
 *
 * @param note false where it does not apply, as of a control that is not shown.
 */
export function runOfSeed({ study, budget, seed }: Result, note: string | false): string {
  return [`${study}, ${budget} budget, seed ${seed}`, ...(note === false ? [] : [note])].join('; ');
}
