import { percent } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import { nameInPaper } from '../study.ts';
import type { Baseline, Claim, ClaimTest, Control } from './claims.ts';
import { bestRatio, compare } from './findings.ts';
import { compareMeasure } from './measures.ts';
import { ratiosOf } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { confidence95, formatNumber, formatSigned } from './statistics.ts';
import { byVariant } from './variants.ts';

/**
 * What the numbers say to a claim. `yes` and `no` need a 95 % interval that leaves out zero, or the very same numbers in every seed, which
 * are no difference; `open` has one with zero in it; `unjudged` has one seed only, and so no interval.
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
  /** `mixed` where pruners or studies disagree; `matched` for what holds as it is claimed, but not against every other control. */
  readonly verdict: Overall | 'matched';
  readonly evidence: readonly Evidence[];
  /** Of a `matched` claim: the controls that pruned flows are not better than, and how that came out. */
  readonly matchedBy: readonly { readonly baseline: Control; readonly verdict: Overall }[];
}
type Overall = Verdict | 'mixed';

/** Judges the claims on which there are data. */
export function judge(claims: readonly Claim[], results: readonly Result[]): Judgement[] {
  return claims.flatMap((claim) => {
    const own = results.filter((result) => claim.studies.includes(nameInPaper(result)));
    const against = (baseline: Baseline): Evidence[] =>
      own.flatMap((result) => evidenceOf({ ...claim.test, against: baseline }, result));
    const evidence = against(claim.test.against);
    if (evidence.length === 0) return [];
    const verdict = overall(evidence);
    const matchedBy = verdict === 'yes' ? controlsThatMatch(claim.test.against, against) : [];
    return [{ claim, verdict: matchedBy.length > 0 ? 'matched' : verdict, evidence, matchedBy }];
  });
}

const explanations: Readonly<Record<Baseline, readonly Control[]>> = {
  dense: ['control', 'random'],
  control: ['random'],
  random: [],
};

/**
 * The controls that explain what holds against a baseline: against them there is no clear difference. Training on may explain a difference
 * from dense flows, pruning at random also one from those that were trained on.
 */
function controlsThatMatch(
  claimed: Baseline,
  against: (baseline: Baseline) => readonly Evidence[],
): Judgement['matchedBy'] {
  return explanations[claimed].flatMap((baseline) => {
    const evidence = against(baseline);
    const verdict = overall(evidence);
    return evidence.length === 0 || verdict === 'yes' ? [] : [{ baseline, verdict }];
  });
}

/** One seed says nothing to or against a claim that others judge. */
function overall(evidence: readonly Evidence[]): Overall {
  const verdicts = new Set(evidence.map(({ verdict }) => verdict));
  if (verdicts.size > 1) verdicts.delete('unjudged');
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
function circumstances({ budget, protocol, partial, notComparable }: Result): string[] {
  return [
    ...(notComparable === undefined ? [] : ['not comparable with the paper']),
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
  if (half === 0 && difference.mean === 0) return 'no';
  if (Math.abs(difference.mean) <= half) return 'open';
  return difference.mean < 0 === (better === 'lower') ? 'yes' : 'no';
}
