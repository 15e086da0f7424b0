import { percent } from '../plan.ts';
import { formatDuration } from '../run/describe.ts';
import { prunerNameOf } from '../study.ts';
import type { Column, Published, Row } from './rows.ts';
import { columns } from './rows.ts';
import type { Estimate } from './statistics.ts';
import { change } from './findings.ts';
import { formatEstimate, formatNumber } from './statistics.ts';

const none = '–';

/** A row as text, column by column. */
export function cellsOf(row: Row): Readonly<Record<Column, string>> {
  const { method, pruneRatio, parameters, testNll, paper, originalCode, diverged } = row;
  return {
    'prune ratio': `${percent(pruneRatio)} %`,
    method: method === 'control' ? 'control (not pruned)' : (prunerNameOf(method) ?? method),
    parameters: parameters === undefined ? none : formatNumber(parameters.mean, parameters.mean % 1 === 0 ? 0 : 1),
    epochs: formatNumber(row.epochs, Number.isInteger(row.epochs) ? 0 : 1),
    'train NLL': nll(row.trainNll),
    'validation NLL': nll(row.validationNll),
    'test NLL': diverged.length === 0 ? nll(testNll) : `${nll(testNll)} (${diverged.length} diverged)`,
    paper: published(paper, pruneRatio),
    difference: paper === undefined || testNll === undefined ? none : differenceFrom(paper.testNll.mean, testNll),
    'original code': published(originalCode, pruneRatio),
    NFE:
      row.nfeForward === undefined || row.nfeBackward === undefined || method === 'gaussian'
        ? none
        : `${nfe(row.nfeForward)} + ${nfe(row.nfeBackward)}`,
    time: formatDuration(row.seconds),
  };
}

/** Ours minus a published number. The error is that of ours: the paper prints none. */
export function differenceFrom(published: number, { mean, ...ours }: Estimate, digits = 3): string {
  return change({ ...ours, mean: mean - published }, '', digits);
}

/** The columns that say something in these rows: a study without published numbers does without theirs. */
export function usedColumns(rows: readonly Row[]): Column[] {
  const cells = rows.map(cellsOf);
  const optional: readonly Column[] = ['paper', 'difference', 'original code'];
  return columns.filter((column) => !optional.includes(column) || cells.some((cell) => cell[column] !== none));
}

function nll(estimate: Estimate | undefined): string {
  return estimate === undefined ? none : formatEstimate(estimate);
}

function nfe({ mean }: Estimate): string {
  return formatNumber(mean, Number.isInteger(mean) ? 0 : 1);
}

function published(entry: Published | undefined, pruneRatio: number): string {
  if (entry === undefined) return none;
  const value = formatEstimate(entry.testNll);
  return Math.abs(entry.pruneRatio - pruneRatio) < 0.0005 ? value : `${value} (at ${percent(entry.pruneRatio)} %)`;
}
