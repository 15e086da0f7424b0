import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import type { Claim, ClaimTest } from './claims.ts';
import { bestRatio, compare } from './findings.ts';
import { compareMeasure } from './measures.ts';
import { ratiosOf } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { confidence95, formatNumber, formatSigned } from './statistics.ts';
import { byVariant } from './variants.ts';

/**
 * What the numbers say to a claim. `yes` and `no` need a 95 % interval that leaves out zero; `open` has one with zero in it; `unjudged`
 * has one seed only, and so no interval.
 */
export type Verdict = 'yes' | 'no' | 'open' | 'unjudged';

/** One pruner in one study. */
export interface Evidence {
  readonly study: string;
  readonly what: string;
  /** The difference in words and numbers. */
  readonly text: string;
  readonly verdict: Verdict;
}

/** A claim with all that bears on it. */
export interface Judgement {
  readonly claim: Claim;
  /** `mixed` where pruners or studies disagree. */
  readonly verdict: Verdict | 'mixed';
  readonly evidence: readonly Evidence[];
}

/** Judges the claims on which there are data. */
export function judge(claims: readonly Claim[], results: readonly Result[]): Judgement[] {
  return claims.flatMap((claim) => {
    const evidence = results
      .filter(({ study }) => claim.studies.includes(study))
      .flatMap((result) => evidenceOf(claim.test, result));
    return evidence.length === 0 ? [] : [{ claim, verdict: overall(evidence), evidence }];
  });
}

function overall(evidence: readonly Evidence[]): Judgement['verdict'] {
  const verdicts = new Set(evidence.map(({ verdict }) => verdict));
  return verdicts.size === 1 ? [...verdicts][0]! : 'mixed';
}

function evidenceOf(test: ClaimTest, result: Result): Evidence[] {
  const measure = result.measures?.find(({ label }) => label === test.quantity);
  if (test.quantity !== 'testNll' && measure === undefined) return [];
  const digits = measure?.digits ?? 3;
  return byVariant(result).flatMap(({ label, part }) =>
    (['unstructured', 'structured'] as const).flatMap((method): Evidence[] => {
      const ratios = ratiosOf(part.points.filter((point) => point.method === method));
      const ratio = test.at === 'best' ? bestRatio(part, method, ratios) : nearest(ratios, test.at);
      if (ratio === undefined) return [];
      const difference =
        measure === undefined
          ? compare(part, method, test.against, ratio)?.difference
          : compareMeasure(part, measure, method, test.against, ratio);
      if (difference === undefined) return [];
      return [
        {
          study: result.study,
          what: [
            label === '' ? result.title : label,
            `${method} at ${percent(ratio)} %`,
            ...circumstances(result),
          ].join(', '),
          text: describe(difference, measure === undefined ? ' nats' : '', digits),
          verdict: verdictOn(difference, test.better),
        },
      ];
    }),
  );
}

function nearest(ratios: readonly number[], wanted: number): number | undefined {
  const [closest] = [...ratios].sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted));
  return closest !== undefined && Math.abs(closest - wanted) <= 0.05 + 1e-9 ? closest : undefined;
}

/** What keeps numbers from being compared with the paper's as they are. */
function circumstances({ budget, protocol, partial }: Result): string[] {
  return [
    ...(budget === 'paper' ? [] : [`${budget} budget`]),
    ...(protocol === 'paper' ? [] : [`protocol ${protocol}`]),
    ...(partial === undefined ? [] : ['not all points yet']),
  ];
}

function describe(difference: Estimate, unit: string, digits: number): string {
  const half = confidence95(difference);
  const seeds = difference.count === 1 ? 'one seed' : `${difference.count} seeds`;
  const interval = half === null ? seeds : `95 % interval ± ${formatNumber(half, digits)}, ${seeds}`;
  return `${formatSigned(difference.mean, digits)}${unit} (${interval})`;
}

function verdictOn(difference: Estimate, better: ClaimTest['better']): Verdict {
  const half = confidence95(difference);
  if (half === null) return 'unjudged';
  if (Math.abs(difference.mean) <= half) return 'open';
  return difference.mean < 0 === (better === 'lower') ? 'yes' : 'no';
}
