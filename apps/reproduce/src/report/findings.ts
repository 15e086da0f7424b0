import { percent } from '../plan.ts';
import type { Point, Result } from '../results/schema.ts';
import type { Method } from '../study.ts';
import { randomNeurons } from '../study.ts';
import { ratiosOf, seedsThere } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { confidence95, formatNumber, formatSigned, meanOf } from './statistics.ts';

/** A difference of test NLLs (nats), first minus second, paired over the seeds that have both; negative means that the first is better. */
export interface Comparison {
  readonly pruneRatio: number;
  readonly first: Method;
  readonly second: Method;
  readonly difference: Estimate;
}

/**
 * First minus second method at a prune ratio by any value of a point, paired seed by seed; the dense model is that of the same seed.
 * Undefined without a common seed.
 */
export function pairedDifference(
  result: Result,
  valueOf: (point: Point) => number | null | undefined,
  first: Method,
  second: Method,
  pruneRatio: number,
): Estimate | undefined {
  const of = (method: Method, seed: number): number | undefined => {
    const point = result.points.find(
      (one) => one.method === method && one.seed === seed && (method === 'dense' || one.pruneRatio === pruneRatio),
    );
    return (point && valueOf(point)) ?? undefined;
  };
  return meanOf(
    result.seeds.flatMap((seed) => {
      const [a, b] = [of(first, seed), of(second, seed)];
      return a === undefined || b === undefined ? [] : [a - b];
    }),
  );
}

/** Compares the test NLLs of two methods. */
export function compare(result: Result, first: Method, second: Method, pruneRatio: number): Comparison | undefined {
  const difference = pairedDifference(result, ({ testNll }) => testNll, first, second, pruneRatio);
  return difference === undefined ? undefined : { pruneRatio, first, second, difference };
}

/**
 * What the numbers say, in sentences: what changed from the dense flow, how much of it training alone explains, and what the choice of
 * the weights is worth against removing them at random.
 */
export function findings(result: Result): string[] {
  const sentences: string[] = againstGaussian(result);
  const ratios = ratiosOf(result.points).filter((ratio) => ratio > 0);
  for (const method of ['unstructured', 'structured'] as const) {
    const best = bestRatio(result, method, ratios);
    if (best !== undefined) sentences.push(...findingsAt(result, method, best, true));
    const last = ratios.filter((ratio) => compare(result, method, 'dense', ratio) !== undefined).at(-1);
    if (last !== undefined && last !== best) sentences.push(...findingsAt(result, method, last, false));
  }
  const diverged = result.points.filter((point) => point.status === 'diverged');
  if (diverged.length > 0) {
    const which = diverged.map(
      ({ method, pruneRatio, seed }) => `${method} at ${percent(pruneRatio)} % (seed ${seed})`,
    );
    sentences.push(`Diverged, and in no mean: ${which.join(', ')}.`);
  }
  sentences.push(uncertainty(result));
  return sentences;
}

/** What the dense flow is worth beside a normal distribution. */
function againstGaussian(result: Result): string[] {
  const of = (method: Method): number | undefined =>
    meanOf(result.points.flatMap((point) => (point.method === method ? (point.testNll ?? []) : [])))?.mean;
  const [dense, gaussian] = [of('dense'), of('gaussian')];
  if (dense === undefined || gaussian === undefined) return [];
  return [
    `The dense flow's test NLL is ${formatNumber(Math.abs(dense - gaussian))} nats ${dense < gaussian ? 'below' : 'above'} that of the normal distribution that fits the training rows best (${formatNumber(gaussian)}).`,
  ];
}

/** Ratio with the lowest mean validation NLL: choosing by the test set would flatter it. */
export function bestRatio(result: Result, method: Method, ratios: readonly number[]): number | undefined {
  const means = ratios.flatMap((ratio) => {
    const values = result.points
      .filter((point) => point.method === method && point.pruneRatio === ratio)
      .map((point) => point.validationNll);
    const mean = meanOf(values.filter((value) => value !== null))?.mean;
    return mean === undefined ? [] : [{ ratio, mean }];
  });
  return means.sort((a, b) => a.mean - b.mean)[0]?.ratio;
}

function findingsAt(result: Result, method: 'unstructured' | 'structured', ratio: number, best: boolean): string[] {
  const fromDense = compare(result, method, 'dense', ratio);
  if (fromDense === undefined) return [];
  const control = compare(result, 'control', 'dense', ratio);
  const own = compare(result, method, 'control', ratio);
  const random = compare(result, method, 'random', ratio);
  const name = method === 'structured' ? 'Structured' : 'Unstructured';
  const parts = [
    `${name} pruning at ${percent(ratio)} %${best ? ' (its best validation NLL)' : ''}: ${change(fromDense.difference)} against dense.`,
  ];
  if (control !== undefined && own !== undefined) {
    parts.push(
      `Training on without pruning (control) gives ${change(control.difference)}; pruning itself contributes ${change(own.difference)}${verdict(own.difference)}.`,
    );
  }
  if (random !== undefined)
    parts.push(`Against removing weights at random: ${change(random.difference)}${verdict(random.difference)}.`);
  const neurons = method === 'structured' ? compare(result, method, randomNeurons, ratio) : undefined;
  if (neurons !== undefined)
    parts.push(`Against removing neurons at random: ${change(neurons.difference)}${verdict(neurons.difference)}.`);
  return [parts.join(' ')];
}

/** A difference with its sign and error. */
export function change({ mean, standardError }: Estimate, unit = ' nats', digits = 3): string {
  const error = standardError === null ? '' : ` ± ${standardError.toFixed(digits)}`;
  return `${formatSigned(mean, digits)}${error}${unit}`;
}

/**
 * Judges only with an error bar: without one a difference is a number, not a finding.
 *
 * @param sign 1 where lower is better, -1 where higher is.
 */
export function verdict(difference: Estimate, sign = 1): string {
  const half = confidence95(difference);
  if (half === null) return '';
  const judgement =
    Math.abs(difference.mean) <= half
      ? 'not distinguishable from zero'
      : sign * difference.mean < 0
        ? 'better'
        : 'worse';
  return ` (${judgement}; 95 % interval ± ${formatNumber(half)})`;
}

/** What the differences are worth: how many seeds are behind them, and what a small budget means. */
export function uncertainty(result: Result, of = 'test NLL'): string {
  const { budget, partial } = result;
  const seeds = seedsThere(result);
  const what = of === 'test NLL' ? 'Differences are of test NLL; lower is better.' : `Differences are between ${of}.`;
  const few =
    seeds === 1
      ? `${what} They come from one seed, so they have no error bars and small ones prove nothing; --seeds 3 or more gives error bars.`
      : `${what} ± is the standard error over ${partial === undefined ? '' : 'up to '}${seeds} seeds, paired seed by seed; 95 % intervals use Student’s t.`;
  const short =
    budget === 'paper'
      ? ''
      : ` The ${budget} budget trains for fewer steps and prunes in fewer, larger rounds than the paper, so its ${of === 'test NLL' ? 'likelihoods' : 'numbers'} are not expected to match the paper’s; compare the rows with each other.`;
  return few + short;
}
