import { commandText } from '../commandLine.ts';
import { UsageError } from '../errors.ts';
import { writeReport } from '../report/writeStudy.ts';
import type { Provenance } from '../provenance.ts';
import { combined, originHere } from '../provenance.ts';
import { buildResult } from '../result.ts';
import type { Result } from '../results/schema.ts';
import type { Store } from '../results/store.ts';
import { inspectDirectory, openStore } from '../results/store.ts';
import { existingResults, readResults } from '../results/read.ts';
import { runsThere } from '../runsThere.ts';
import type { Study } from '../study.ts';
import type { ExitCode, Surroundings } from '../surroundings.ts';
import { exitCodes } from '../surroundings.ts';
import { findWork, hasPoints } from '../work.ts';

/**
 * Writes tables, figures and page again from the points that are stored, without computing.
 *
 * @throws UsageError when the directory holds no results, or something else in the place of one.
 */
export function rebuildReport(out: string, argv: readonly string[], { stderr, studies }: Surroundings): ExitCode {
  existingResults(out, '--out');
  inspectDirectory(out, []);
  const note = (line: string): void => void stderr.write(`${line}\n`);
  const store = openStore(out, (line) => note(`warning: ${line}`));
  try {
    const shown = rebuild(store, studies, usableResults(out), argv);
    if (shown.length === 0)
      throw new UsageError(`${out} holds no finished point of a known study`, 'run a study first');
    for (const line of describeShown(shown)) note(line);
    note(`Open ${out}/index.html.`);
    return exitCodes.ok;
  } finally {
    store.close();
  }
}

/** The results that can be used. What becomes of others, and is said then, is known when the reports are written. */
export function usableResults(out: string): Result[] {
  return readResults(out, () => undefined).map(({ result }) => result);
}

/**
 * Writes the reports of all runs that left points in a directory.
 *
 * @param results what is known of how the points were made: the directory's own results, and those that were merged.
 * @returns the results that are shown now.
 * @throws UsageError, before anything is written, where something else lies in the place of one of them.
 */
export function rebuild(
  store: Store,
  studies: readonly Study[],
  results: readonly Result[],
  argv: readonly string[],
): Result[] {
  const reports = runsThere(studies, store.points(), results).flatMap(({ study, identity, pruners }) => {
    const work = findWork(study, identity, pruners, store);
    if (!hasPoints(work)) return [];
    const origins = results.filter((result) => result.study === study.name);
    const result = buildResult(study, identity, work.planned, work.known, provenanceOf(origins, argv));
    return [{ result, planned: work.planned }];
  });
  store.claimResults(reports.map(({ result }) => result.study));
  writeReport(store, reports);
  return reports.map(({ result }) => result);
}

/** One line a study: how much of it is there. */
export function describeShown(results: readonly Result[]): string[] {
  return results.map(({ study, budget, points, partial }) => {
    const count =
      partial === undefined ? `all ${points.length} points` : `${points.length} of ${partial.planned} points`;
    return `${study}: ${count} of the ${budget} budget`;
  });
}

/** Where points come from: the commands and machines of the results that they were in. */
function provenanceOf(origins: readonly Result[], argv: readonly string[]): Provenance {
  if (origins.length > 0) return combined([...origins].sort((a, b) => b.points.length - a.points.length));
  const finished = new Date().toISOString();
  return { run: { command: commandText(argv), finished, wallSeconds: 0, workers: 1, kept: 0 }, ...originHere() };
}
