import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Conflict } from '../results/mergePoints.ts';
import { planMerge, takeOver } from '../results/mergePoints.ts';
import { existingResults, isOurs, readResults } from '../results/read.ts';
import { inspectDirectory, openStore } from '../results/store.ts';
import { runsThere } from '../runsThere.ts';
import type { ExitCode, Surroundings } from '../surroundings.ts';
import { exitCodes } from '../surroundings.ts';
import { describeShown, rebuild, usableResults } from './report.ts';

/**
 * Takes the finished points of other results directories over into one, with their checkpoints, drawings and logs, and writes its reports
 * again. The other directories stay as they are.
 *
 * @throws UsageError, before anything is written, for a directory without results, for points that contradict each other, and where
 *   something else lies in the place of a result.
 */
export function mergeResults(
  { from, out }: { readonly from: readonly string[]; readonly out: string },
  argv: readonly string[],
  { stderr, studies }: Surroundings,
): ExitCode {
  const note = (line: string): void => void stderr.write(`${line}\n`);
  const warned = new Set<string>();
  const onUnusable = (path: string, reason: string): void => {
    if (!warned.has(path)) note(`warning: ${path} cannot be used and is left alone: ${reason}`);
    warned.add(path);
  };
  for (const directory of from) {
    existingResults(directory, 'merge:');
    if (isOurs(out) && realpathSync(directory) === realpathSync(out)) {
      throw new UsageError(`merge: ${directory} is --out itself`, 'name other directories, or another --out');
    }
  }
  inspectDirectory(out, []);
  const { points, conflicts } = planMerge(isOurs(out) ? [out, ...from] : from, onUnusable);
  if (conflicts.length > 0) throw contradiction(conflicts);

  const origins = from.flatMap((directory) => readResults(directory, onUnusable).map(({ result }) => result));
  const results = [...(isOurs(out) ? usableResults(out) : []), ...origins];
  inspectDirectory(
    out,
    runsThere(studies, points, results).map(({ study }) => study.name),
  );
  const store = openStore(out, (line) => note(`warning: ${line}`));
  try {
    const incoming = points.filter(({ directory }) => directory !== out);
    const count = incoming.filter((point) => takeOver(store, point, onUnusable)).length;
    note(`${count} points taken over from ${from.join(', ')}; ${points.length} are in ${out} now.`);
    for (const line of describeShown(rebuild(store, studies, results, argv))) note(line);
    note(`Open ${join(out, 'index.html')}.`);
    return exitCodes.ok;
  } finally {
    store.close();
  }
}

function contradiction(conflicts: readonly Conflict[]): UsageError {
  const shown = conflicts.slice(0, 5).map(({ first, second }) => {
    const { method, seed, pruneRatio, address, testNll } = first.point;
    return `${first.folder} seed ${seed} ${method} ${pruneRatio} (${address}: test NLL ${testNll} in ${first.directory}, ${second.point.testNll} in ${second.directory})`;
  });
  const more = conflicts.length > shown.length ? ` and ${conflicts.length - shown.length} more` : '';
  return new UsageError(
    `merge: ${conflicts.length === 1 ? 'a point has' : 'points have'} other numbers under the same address: ${shown.join('; ')}${more}`,
    'they come from machines or versions that do not compute the same bits: keep one of each and delete the other’s file in points/',
  );
}
