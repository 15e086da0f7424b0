import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import { prunerNameOf, randomNeurons } from '../study.ts';
import { change, compare } from './findings.ts';
import { methodsOf, ratiosOf } from './rows.ts';
import type { Estimate } from './statistics.ts';

export const contributionColumns = [
  'prune ratio',
  'method',
  'against dense',
  'control against dense',
  'pruning itself',
  'against random',
] as const;
export type ContributionColumn = (typeof contributionColumns)[number];

/** The last column where random neurons were asked for. */
export const againstRandomNeurons = 'against random neurons';

/**
 * Differences of test NLL (nats, negative is better) that take the gain by pruning apart: what training on would have given anyway
 * (control against dense) and what is left (`pruning itself`, against the control of the same budget). Paired over seeds.
 */
export function contributions(
  result: Result,
): Readonly<Record<ContributionColumn | typeof againstRandomNeurons, string>>[] {
  const ratios = ratiosOf(result.points).filter((ratio) => ratio > 0);
  return ratios.flatMap((ratio) =>
    methodsOf(result).flatMap((method) => {
      if (method === 'dense' || method === 'control' || method === 'random') return [];
      const own = compare(result, method, 'control', ratio);
      if (own === undefined) return [];
      return [
        {
          'prune ratio': `${percent(ratio)} %`,
          method: prunerNameOf(method) ?? method,
          'against dense': cell(compare(result, method, 'dense', ratio)?.difference),
          'control against dense': cell(compare(result, 'control', 'dense', ratio)?.difference),
          'pruning itself': cell(own.difference),
          'against random': cell(compare(result, method, 'random', ratio)?.difference),
          [againstRandomNeurons]:
            method === randomNeurons ? '–' : cell(compare(result, method, randomNeurons, ratio)?.difference),
        },
      ];
    }),
  );
}

/** A difference in a table. */
export function cell(difference: Estimate | undefined, digits = 3): string {
  return difference === undefined ? '–' : change(difference, '', digits);
}
