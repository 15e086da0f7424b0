import type { Result } from '../results/schema.ts';
import type { Method } from '../study.ts';
import type { Mark } from './curve.ts';
import type { Row } from './rows.ts';

/** A row's mean test NLL with its standard error; nothing where it has none. */
function markOf({ pruneRatio, testNll }: Row): Mark[] {
  if (testNll === undefined) return [];
  const error = testNll.standardError ?? 0;
  return [{ x: pruneRatio * 100, y: testNll.mean, low: testNll.mean - error, high: testNll.mean + error }];
}

/** The likelihood of the dense flow, where there is one. */
export function denseMark(rows: readonly Row[]): Mark | undefined {
  return rows.filter(({ method }) => method === 'dense').flatMap(markOf)[0];
}

/** The likelihoods of methods against prune ratio; without those that have none. */
export function linesOf<M extends Method>(rows: readonly Row[], methods: readonly M[]): { method: M; marks: Mark[] }[] {
  return methods
    .map((method) => ({ method, marks: rows.filter((row) => row.method === method).flatMap(markOf) }))
    .filter(({ marks }) => marks.length > 0);
}

/** The likelihoods that the paper prints. */
export function paperMarks({ paper }: Result): { x: number; y: number }[] {
  return paper
    .filter(({ source }) => source === 'paper')
    .map(({ pruneRatio, testNll }) => ({ x: pruneRatio * 100, y: testNll }));
}
