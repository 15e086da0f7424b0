import type { Point, Result } from '../results/schema.ts';
import type { Method } from '../study.ts';
import { methods, prunerNameOf } from '../study.ts';
import type { Estimate } from './statistics.ts';
import { meanOf } from './statistics.ts';

/** One row of the table: a method at a prune ratio, over all seeds. Undefined where no seed has a value. */
export interface Row {
  readonly method: Method;
  readonly pruneRatio: number;
  readonly parameters: Estimate | undefined;
  readonly epochs: number;
  readonly trainNll: Estimate | undefined;
  readonly validationNll: Estimate | undefined;
  readonly testNll: Estimate | undefined;
  readonly paper: Published | undefined;
  readonly originalCode: Published | undefined;
  readonly nfeForward: Estimate | undefined;
  readonly nfeBackward: Estimate | undefined;
  readonly seconds: number;
  readonly diverged: readonly Point[];
}

/** A published test NLL (nats), at the prune ratio it was published for. */
export interface Published {
  readonly testNll: Estimate;
  readonly pruneRatio: number;
}

/** Published ratios within this distance of ours stand in its row; the row says which they are where they differ. */
export const ratioTolerance = 0.02;

/** A study's own methods, then those that `--pruner` asked for, in the order in which they were computed. */
export function methodsOf({ points }: Result): Method[] {
  const asked = points.map(({ method }) => method).filter((method) => prunerNameOf(method) !== undefined);
  return [...methods, ...new Set(asked)];
}

/** Which row: a method at a prune ratio. */
export interface RowKey {
  readonly method: Method;
  readonly pruneRatio: number;
}

/** Every prune ratio once, increasing. */
export function ratiosOf(points: readonly { readonly pruneRatio: number }[]): number[] {
  return [...new Set(points.map(({ pruneRatio }) => pruneRatio))].sort((a, b) => a - b);
}

/** How many seeds there are points of: of a run that has not ended maybe fewer than were asked for. */
export function seedsThere({ points }: Result): number {
  return new Set(points.map(({ seed }) => seed)).size;
}

/** The points behind a row, one of each seed. */
export function pointsOf({ points }: Result, { method, pruneRatio }: RowKey): Point[] {
  return points.filter((point) => point.method === method && point.pruneRatio === pruneRatio);
}

/** Rows in the order of reading: by prune ratio, then by method. */
export function rowsOf(result: Result): Row[] {
  return ratiosOf(result.points).flatMap((pruneRatio) =>
    methodsOf(result).flatMap((method) => {
      const points = pointsOf(result, { method, pruneRatio });
      return points.length === 0 ? [] : [rowOf(result, method, pruneRatio, points)];
    }),
  );
}

function rowOf(result: Result, method: Method, pruneRatio: number, points: readonly Point[]): Row {
  const mean = (pick: (point: Point) => number | null): Estimate | undefined =>
    meanOf(points.map(pick).filter((value) => value !== null));
  return {
    method,
    pruneRatio,
    parameters: mean((point) => point.parameters),
    epochs: Math.max(...points.map((point) => point.epochs)),
    trainNll: mean((point) => point.trainNll),
    validationNll: mean((point) => point.validationNll),
    testNll: mean((point) => point.testNll),
    paper: publishedFor(result, 'paper', { method, pruneRatio }),
    originalCode: publishedFor(result, 'original code', { method, pruneRatio }),
    nfeForward: mean((point) => point.nfeForward),
    nfeBackward: mean((point) => point.nfeBackward),
    seconds: points.reduce((sum, point) => sum + point.seconds, 0),
    diverged: points.filter((point) => point.status === 'diverged'),
  };
}

/** What is published for a row, all of one ratio: the nearest to the row's that is near enough and nearer to no other row of the method. */
export function nearestPublished<Entry extends { readonly method: Method; readonly pruneRatio: number }>(
  result: Result,
  published: readonly Entry[],
  { method, pruneRatio }: RowKey,
): readonly Entry[] {
  const ours = ratiosOf(result.points.filter((point) => point.method === method));
  const entries = published.filter((entry) => entry.method === method);
  const nearest = entries
    .map((entry) => entry.pruneRatio)
    .filter((ratio) => Math.abs(ratio - pruneRatio) <= ratioTolerance + 1e-9)
    .filter((ratio) => ours.every((other) => Math.abs(ratio - pruneRatio) <= Math.abs(ratio - other)))
    .sort((a, b) => Math.abs(a - pruneRatio) - Math.abs(b - pruneRatio))[0];
  return entries.filter((entry) => entry.pruneRatio === nearest);
}

/** The published test NLL of a row, the mean where a source gives several seeds. */
export function publishedFor(
  result: Result,
  source: Result['paper'][number]['source'],
  key: RowKey,
): Published | undefined {
  const entries = nearestPublished(
    result,
    result.paper.filter((entry) => entry.source === source),
    key,
  );
  const testNll = meanOf(entries.map((entry) => entry.testNll));
  return testNll === undefined ? undefined : { testNll, pruneRatio: entries[0]!.pruneRatio };
}

/** The columns of the table, the same in table.md and on the page. */
export const columns = [
  'prune ratio',
  'method',
  'parameters',
  'epochs',
  'train NLL',
  'validation NLL',
  'test NLL',
  'paper',
  'difference',
  'original code',
  'NFE',
  'time',
] as const;
export type Column = (typeof columns)[number];
