import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import { prunerNameOf } from '../study.ts';
import { compare } from './findings.ts';
import { methodsOf } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { formatSigned } from './statistics.ts';

export const contributionColumns = [
  'prune ratio',
  'method',
  'against dense',
  'control against dense',
  'pruning itself',
  'against random',
] as const;
export type ContributionColumn = (typeof contributionColumns)[number];

/**
 * Differences of test NLL (nats, negative is better) that take the gain by pruning apart: what training on would have given anyway
 * (control against dense) and what is left (`pruning itself`, against the control of the same budget). Paired over seeds.
 */
export function contributions(result: Result): Readonly<Record<ContributionColumn, string>>[] {
  const ratios = [...new Set(result.points.map((point) => point.pruneRatio))]
    .filter((ratio) => ratio > 0)
    .sort((a, b) => a - b);
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
        },
      ];
    }),
  );
}

function cell(difference: Estimate | undefined): string {
  if (difference === undefined) return '–';
  const error = difference.standardError === null ? '' : ` ± ${difference.standardError.toFixed(3)}`;
  return `${formatSigned(difference.mean)}${error}`;
}
