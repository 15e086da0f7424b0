import { percent } from '../plan.ts';
import type { Measure, Point, Result } from '../results/schema.ts';
import type { Method } from '../study.ts';
import { prunerNameOf } from '../study.ts';
import { differenceFrom } from './cells.ts';
import type { Content, Table } from './content.ts';
import { cell, contributionColumns } from './contribution.ts';
import { change, pairedDifference, uncertainty, verdict } from './findings.ts';
import {
  methodsOf,
  nearestPublished,
  pointsOf,
  publishedFor as publishedNllFor,
  ratiosOf,
  seedsThere,
} from './rows.ts';
import type { RowKey } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { formatEstimate, formatNumber, meanOf } from './statistics.ts';
import { byVariant } from './variants.ts';

const none = '–';

/** Of a study that measures more than likelihoods: a table of all measures, and what pruning contributes to each. */
export function measureContent(result: Result): Content {
  const measures = result.measures ?? [];
  const parts = byVariant(result);
  const setting = parts.length > 1 ? ['setting'] : [];
  const rows = parts.flatMap(({ label, part }) =>
    keysOf(part).map((key) => ({ key, label, part, cells: cellsOfMeasures(part, label, key, measures) })),
  );
  const used = (column: string): boolean => rows.some(({ cells }) => (cells[column] ?? none) !== none);
  const columns = measures.flatMap(({ label }) => [label, `${label}: paper`, `${label}: difference`]);
  const all: Table = {
    title: 'All numbers',
    note: legend(result, measures),
    columns: [...setting, 'prune ratio', 'method', 'parameters', 'test NLL', 'test NLL: paper', ...columns].filter(
      used,
    ),
    rows: rows.map(({ cells }) => cells),
    methods: rows.map(({ key }) => key.method),
  };
  const judged = measures.filter(({ better }) => better !== undefined);
  const contributions = judged.flatMap((measure) =>
    parts.flatMap(({ label, part }) => contributionRows(part, label, measure)),
  );
  const own: Table = {
    title: 'What pruning contributes',
    note: `Differences, paired over seeds. \`pruning itself\` is the pruned model minus the control, which was trained as long without pruning; \`against random\` is minus random pruning to the same ratio.`,
    columns: ['measure', ...setting, ...contributionColumns],
    rows: contributions,
  };
  return {
    says: [
      ...judged.flatMap((measure) => parts.flatMap(({ label, part }) => sentences(part, label, measure))),
      ...parts.flatMap(({ label, part }) => collapse(part, label)),
      uncertainty(result, 'the models'),
    ],
    tables: [all, ...(contributions.length > 0 ? [own] : [])],
  };
}

function keysOf(result: Result): RowKey[] {
  return ratiosOf(result.points).flatMap((pruneRatio) =>
    methodsOf(result)
      .filter((method) => pointsOf(result, { method, pruneRatio }).length > 0)
      .map((method) => ({ method, pruneRatio })),
  );
}

/** A point's value of a measure, as it is shown: relative ones are divided by the dense model's of the seed. */
function valueOf(result: Result, measure: Measure, point: Point): number | undefined {
  const value = point.quantities?.[measure.name]?.value;
  if (value === undefined || measure.relative !== true) return value;
  const dense = result.points.find(({ method, seed }) => method === 'dense' && seed === point.seed);
  const unit = dense?.quantities?.[measure.name]?.value;
  return unit === undefined || unit === 0 ? undefined : value / unit;
}

/** Mean over seeds; the error is that over seeds, or for one seed that of its own estimate. */
export function estimateOf(result: Result, measure: Measure, key: RowKey): Estimate | undefined {
  const points = pointsOf(result, key);
  const values = points.flatMap((point) => valueOf(result, measure, point) ?? []);
  const estimate = meanOf(values);
  if (estimate?.count !== 1 || measure.relative === true) return estimate;
  const [only] = points.flatMap(({ quantities }) => quantities?.[measure.name] ?? []);
  return { ...estimate, standardError: only!.standardError };
}

/** What is published for a row. */
export function publishedFor(
  result: Result,
  label: string,
  measure: Measure,
  key: RowKey,
): { readonly value: number; readonly pruneRatio: number } | undefined {
  const published = measure.published.filter(({ variant = label }) => variant === label);
  return nearestPublished(result, published, key)[0];
}

function cellsOfMeasures(
  result: Result,
  label: string,
  key: RowKey,
  measures: readonly Measure[],
): Record<string, string> {
  const points = pointsOf(result, key);
  const over = (pick: (point: Point) => number | null, digits: number): string => {
    const estimate = meanOf(points.map(pick).filter((value) => value !== null));
    return estimate === undefined ? none : formatEstimate(estimate, digits);
  };
  const diverged = points.filter(({ status }) => status === 'diverged').length;
  const cells: Record<string, string> = {
    setting: label,
    'prune ratio': `${percent(key.pruneRatio)} %`,
    method: key.method === 'control' ? 'control (not pruned)' : (prunerNameOf(key.method) ?? key.method),
    parameters: over(({ parameters }) => parameters, 0),
    // Those of good classifiers are small.
    'test NLL':
      over(({ testNll }) => testNll, result.task === 'classification' ? 5 : 3) +
      (diverged > 0 ? ` (${diverged} diverged)` : ''),
  };
  const nll = publishedNllFor(result, 'paper', key);
  cells['test NLL: paper'] = nll === undefined ? none : formatEstimate(nll.testNll);
  for (const measure of measures) {
    const ours = estimateOf(result, measure, key);
    const paper = publishedFor(result, label, measure, key);
    cells[measure.label] = ours === undefined ? none : formatEstimate(ours, measure.digits);
    cells[`${measure.label}: paper`] =
      paper === undefined
        ? none
        : formatNumber(paper.value, measure.digits) +
          (Math.abs(paper.pruneRatio - key.pruneRatio) < 0.0005 ? '' : ` (at ${percent(paper.pruneRatio)} %)`);
    cells[`${measure.label}: difference`] =
      ours === undefined || paper === undefined ? none : differenceFrom(paper.value, ours, measure.digits);
  }
  return cells;
}

/** Difference of a measure between two methods at a ratio, as {@link pairedDifference}. */
export function compareMeasure(
  result: Result,
  measure: Measure,
  first: Method,
  second: Method,
  pruneRatio: number,
): Estimate | undefined {
  return pairedDifference(result, (point) => valueOf(result, measure, point), first, second, pruneRatio);
}

function contributionRows(result: Result, label: string, measure: Measure): Record<string, string>[] {
  const told = (first: Method, second: Method, ratio: number): string =>
    cell(compareMeasure(result, measure, first, second, ratio), measure.digits);
  return contributingRatios(result, measure).flatMap((ratio) =>
    (['unstructured', 'structured'] as const).flatMap((method) => {
      if (compareMeasure(result, measure, method, 'control', ratio) === undefined) return [];
      return [
        {
          measure: measure.label,
          setting: label,
          'prune ratio': `${percent(ratio)} %`,
          method,
          'against dense': told(method, 'dense', ratio),
          'control against dense': told('control', 'dense', ratio),
          'pruning itself': told(method, 'control', ratio),
          'against random': told(method, 'random', ratio),
        },
      ];
    }),
  );
}

/** The ratios that a measure is told about: those it names, as far as they were computed, or all. */
function contributingRatios(result: Result, { at = [] }: Measure): number[] {
  const all = ratiosOf(result.points).filter((ratio) => ratio > 0);
  const named = all.filter((ratio) => at.some((other) => Math.abs(other - ratio) < 0.0005));
  return named.length > 0 ? named : all;
}

/**
 * How far each pruner is from dense by a measure, and what of it is pruning's own: at the ratios that the measure names, or else at the
 * one where it does best.
 */
function sentences(result: Result, label: string, measure: Measure): string[] {
  if (measure.better === undefined) return [];
  const sign = measure.better === 'higher' ? -1 : 1;
  return (['unstructured', 'structured'] as const).flatMap((method) => {
    const told = contributingRatios(result, measure).flatMap((ratio) => {
      const mean = estimateOf(result, measure, { method, pruneRatio: ratio })?.mean;
      return mean === undefined ? [] : [{ ratio, mean }];
    });
    const best = told.toSorted((a, b) => sign * (a.mean - b.mean)).slice(0, 1);
    const chosen = measure.at === undefined ? best : told;
    return chosen.flatMap(({ ratio, mean }) =>
      sentenceAt(result, label, measure, { method, pruneRatio: ratio }, mean, sign),
    );
  });
}

function sentenceAt(
  result: Result,
  label: string,
  measure: Measure,
  { method, pruneRatio }: RowKey,
  mean: number,
  sign: number,
): string[] {
  const judge = (difference: Estimate): string => verdict(difference, sign);
  const against = (other: Method): Estimate | undefined => compareMeasure(result, measure, method, other, pruneRatio);
  const [dense, control, random] = [against('dense'), against('control'), against('random')];
  const trainedOn = compareMeasure(result, measure, 'control', 'dense', pruneRatio);
  if (dense === undefined) return [];
  const shown = (difference: Estimate): string => change(difference, '', measure.digits);
  const where = measure.at === undefined ? ' (where it is best)' : '';
  const parts = [
    `${label === '' ? '' : `${label}: `}${measure.label}, ${method} pruning at ${percent(pruneRatio)} %${where}: ${formatNumber(mean, measure.digits)}, ${shown(dense)} against dense${judge(dense)}.`,
  ];
  if (control !== undefined && trainedOn !== undefined)
    parts.push(
      `Training on without pruning (control) gives ${shown(trainedOn)}; pruning itself contributes ${shown(control)}${judge(control)}.`,
    );
  if (random !== undefined) parts.push(`Against removing weights at random: ${shown(random)}${judge(random)}.`);
  return [parts.join(' ')];
}

/** Which flows lose modes, where that was asked: against how many the data have, not the most that any flow has. */
function collapse(result: Result, label: string): string[] {
  const measure = result.measures?.find(({ most }) => most !== undefined);
  const all = measure?.most?.find(({ variant = label }) => variant === label)?.value;
  if (measure === undefined || all === undefined) return [];
  const captured = result.points.flatMap((point) => {
    const modes = valueOf(result, measure, point);
    return modes === undefined ? [] : [{ point, modes }];
  });
  if (captured.length === 0) return [];
  const limit = result.analysis === 'image-quality' ? 5 : 3;
  const dense = meanOf(captured.filter(({ point }) => point.method === 'dense').map(({ modes }) => modes));
  const losing = captured.filter(({ modes }) => modes < all);
  const which = losing.map(({ point }) => `${point.method} ${percent(point.pruneRatio)} % (seed ${point.seed})`);
  const near = `samples within ${limit}σ of`;
  const text =
    losing.length === 0
      ? `no flow loses a mode: all have ${near} each of the ${all} modes, dense ones too`
      : captured.every(({ modes }) => modes === 0)
        ? `no flow has a sample within ${limit}σ of any of the ${all} modes`
        : `${dense === undefined ? '' : `dense flows have ${near} ${formatNumber(dense.mean, 1)} of ${all} modes; `}fewer than ${all} have ${which.join(', ')}`;
  return [`${label === '' ? '' : `${label}: `}${text}.`];
}

function legend(result: Result, measures: readonly Measure[]): string {
  const error =
    seedsThere(result) > 1 ? 'mean ± standard error over seeds' : '± is the standard error of the estimate itself';
  const each = measures.map(
    ({ label, about, relative }) =>
      `\`${label}\`: ${about}${relative === true ? ', divided by the dense model’s' : ''}`,
  );
  const where = [...new Set(measures.flatMap(({ published }) => published.map((entry) => entry.where)))];
  return `${each.join('; ')}. Values: ${error}; \`test NLL\` is in nats.${where.length > 0 ? ` \`paper\`: ${where.join(', ')}; differences are ours minus the paper’s, ± is ours.` : ''}`;
}
