import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { selectStudies } from '../catalogue.ts';
import { commandText } from '../commandLine.ts';
import { logFiles } from '../logs/files.ts';
import { resolveBackend } from '../numerics/backends.ts';
import { UsageError } from '../errors.ts';
import type { Options } from '../options.ts';
import type { PlannedPoint } from '../plan.ts';
import { seedsOf } from '../plan.ts';
import { resolvePruners } from '../pruners.ts';
import type { Provenance } from '../provenance.ts';
import { continued, originHere } from '../provenance.ts';
import type { Publisher } from '../report/publisher.ts';
import { createPublisher } from '../report/publisher.ts';
import { writeReport } from '../report/writeStudy.ts';
import type { RunIdentity } from '../result.ts';
import { buildResult, pointOf } from '../result.ts';
import type { Result } from '../results/schema.ts';
import type { Store } from '../results/store.ts';
import { inspectDirectory, openStore } from '../results/store.ts';
import { formatDuration } from '../run/describe.ts';
import type { Executor } from '../run/executor.ts';
import type { Reporter } from '../run/progress.ts';
import { createReporter } from '../run/progress.ts';
import { runPoints } from '../run/runPoints.ts';
import { createStopFlag } from '../run/workerPool.ts';
import type { FoundData, Method, Study } from '../study.ts';
import type { ExitCode, Surroundings } from '../surroundings.ts';
import { exitCodes } from '../surroundings.ts';
import type { Work } from '../work.ts';
import { chainMethods, fileDataOf, underProtocol } from '../study.ts';
import { countPoints, findWork, forgetUnusable, hasPoints, isComplete } from '../work.ts';
import { describeDryRun, readOnlyStore } from './dryRun.ts';

/**
 * Computes what is missing of the studies and writes their reports, which are current after every point.
 *
 * @throws UsageError for a request that cannot be carried out, before anything is written.
 */
export async function runStudies(
  options: Options,
  argv: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { stderr, stdout } = surroundings;
  const started = Date.now();
  const selection = selectStudies(options.names, surroundings.studies);
  const backend = await resolveBackend(options.backend);
  const pruners = await resolvePruners(options.pruners, surroundings.cwd);
  const asked = selection.studies.map((study) => ({
    study: underProtocol(study, options.protocol),
    isNamed: selection.named.has(study.name),
  }));
  inspectDirectory(
    options.out,
    asked.map(({ study }) => study.name),
  );

  const { files, leftOut } = await findFiles(asked, options, surroundings);
  const studies = asked.map(({ study }) => study).filter((study) => !leftOut.has(study));
  const names = studies.map(({ name }) => name);
  for (const { message } of leftOut.values()) stderr.write(`Left out: ${message}\n`);
  const identityOf = (study: Study): RunIdentity => {
    const { budget, protocol } = options;
    const found = files.get(study);
    const seeds = options.seeds ?? seedsOf(study, budget);
    return { budget, protocol, backend: backend.name, seeds, ...(found && { found }) };
  };
  let note = (line: string): void => void stderr.write(`${line}\n`);
  if (options.dryRun) {
    const there = readOnlyStore(options.out);
    const works = studies.map((study) => findWork(study, identityOf(study), pruners, there));
    if (options.fresh) works.forEach((work) => forgetAsked(work, options.methods));
    const todo = missingOf(works, options.methods);
    stdout.write(await describeDryRun(todo, sumOfKnown(works), options, backend.name, files.size > 0, note));
    return exitCodes.ok;
  }

  const store = openStore(options.out, (line) => note(`warning: ${line}`));
  let reporter: Reporter | undefined;
  const stop = createStopFlag();
  let interrupted = false;
  const unregister = surroundings.onInterrupt(() => {
    interrupted = true;
    stop.raise();
    note('Stopping at the next safe point; press Ctrl-C again to stop at once.');
  });
  let executor: Executor | undefined;
  let failure: { readonly error: unknown } | undefined;
  let publisher: Publisher<Work> | undefined;
  try {
    if (selection.missing.length > 0) note(`Not yet available, left out: ${selection.missing.join(', ')}.`);
    for (const reason of backend.passedOver) note(`not used: ${reason.replaceAll(/\s*\n\s*/g, ' ')}`);
    const works = studies.map((study) => {
      const work = findWork(study, identityOf(study), pruners, store);
      if (options.fresh) forgetAsked(work, options.methods);
      else forgetUnusable(work, store, surroundings.canContinueFrom);
      return work;
    });
    store.claimResults(names);
    const keptOf = new Map(works.map((work) => [work, countPoints(work)]));
    const earlier = earlierResults(works, store);
    const origin = originHere();
    const resultOf = (work: Work): Result => {
      const { study, identity, planned, known } = work;
      const kept = keptOf.get(work)!;
      const run = {
        command: commandText(argv),
        finished: new Date().toISOString(),
        wallSeconds: Math.round((Date.now() - started) / 100) / 10,
        workers: options.workers,
        kept,
      };
      const provenance = continued(earlier.get(work), { run, ...origin }, countPoints(work) - kept);
      return buildResult(study, identity, planned, known, provenance);
    };

    const written = new Map<Work, Result>();
    const reports = (publisher = createPublisher<Work>(
      (changed) => {
        for (const work of changed) written.set(work, resultOf(work));
        writeReport(
          store,
          changed.map((work) => ({ result: written.get(work)!, planned: work.planned })),
        );
      },
      (error) => {
        failure ??= { error };
        stop.raise();
      },
    ));

    const todo = missingOf(works, options.methods);
    const kept = sumOfKnown(works);
    const left = missingOf(works, undefined).length - todo.length;
    note(
      `${names.join(', ')}: ${todo.length} points to compute${kept > 0 ? `, ${kept} kept from before` : ''}${left > 0 ? `, ${left} of other methods left` : ''}; ${options.budget} budget, backend ${backend.name}, ${options.workers} ${options.workers === 1 ? 'worker' : 'workers'}, results in ${options.out}`,
    );

    const workers = Math.max(1, Math.min(options.workers, todo.length));
    const view = (reporter = createReporter(stderr, todo, workers));
    note = (line) => view.note(line);
    for (const work of works) if (hasPoints(work)) reports.changed(work);

    if (todo.length > 0) {
      executor = surroundings.createExecutor(workers, stop);
      await runPoints(
        todo,
        executor,
        (point) => ({
          checkpoints: store.checkpointDirectory(point.folder),
          ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
          logs: logFiles(join(store.directory, point.folder), point, options.log),
          fresh: options.fresh,
          // The chains share the cores; what is left over goes to threads within them.
          threads: Math.max(1, Math.floor(availableParallelism() / workers)),
        }),
        stop,
        {
          onStart: (point) => view.start(point),
          onProgress: (point, progress) => view.progress(point, progress),
          onWarning: (line) => view.note(`warning: ${line}`),
          onFinish(point, outcome) {
            view.finish(point, outcome);
            if (outcome.status === 'stopped') return;
            const row = pointOf(point, outcome);
            store.savePoint(point, row, outcome.status === 'diverged' ? undefined : outcome.artefact);
            for (const work of works) {
              if (!work.planned.some(({ address }) => address === point.address)) continue;
              work.known.set(point.address, row);
              if (hasPoints(work)) reports.changed(work);
            }
          },
        },
      );
    }
    if (failure !== undefined) throw failure.error;
    reports.flush();
    reporter.close();
    note = (line) => void stderr.write(`${line}\n`);

    if (interrupted && !works.every(isComplete)) {
      note(
        `Interrupted; everything finished so far is kept. Resume with: ${commandText(argv.filter((argument) => argument !== '--fresh'))}`,
      );
      return exitCodes.interrupted;
    }
    const results = works.map((work) => written.get(work)!);
    if (options.json) stdout.write(`${JSON.stringify(results.length === 1 ? results[0] : results, null, 2)}\n`);
    return summarise(results, options.out, started, note);
  } catch (error) {
    // What was finished before is shown, if there is still room for it.
    attempt(() => publisher?.flush());
    throw error;
  } finally {
    publisher?.close();
    reporter?.close();
    await executor?.close();
    unregister();
    store.close();
  }
}

/**
 * What the data files hold that studies need. They are prepared here, once, before there are workers that would all begin with it. Members
 * of a group whose files are not there, or cannot be used, are left out.
 *
 * @throws UsageError for the files of a study that was named itself, and where no study is left.
 */
async function findFiles(
  asked: readonly { readonly study: Study; readonly isNamed: boolean }[],
  { budget, dataDir }: Options,
  { findData }: Surroundings,
): Promise<{ readonly files: ReadonlyMap<Study, FoundData>; readonly leftOut: ReadonlyMap<Study, UsageError> }> {
  const files = new Map<Study, FoundData>();
  const leftOut = new Map<Study, UsageError>();
  for (const { study, isNamed } of asked) {
    const data = fileDataOf(study, budget);
    if (data === undefined) continue;
    try {
      files.set(study, await findData(data.name, dataDir));
    } catch (error) {
      if (isNamed || !(error instanceof UsageError)) throw error;
      leftOut.set(study, error);
    }
  }
  const [first] = leftOut.values();
  if (first !== undefined && leftOut.size === asked.length) throw first;
  return { files, leftOut };
}

/** What is said of how the points were made that are kept: by the result of the same run of the study, if it is there. */
function earlierResults(works: readonly Work[], store: Store): ReadonlyMap<Work, Provenance> {
  const kept = works.filter(hasPoints);
  const results = kept.length === 0 ? [] : store.results().map(({ result }) => result);
  return new Map(
    kept.flatMap((work) => {
      const { study, identity } = work;
      const same = results.find(
        ({ study: name, budget, protocol, backend }) =>
          name === study.name &&
          budget === identity.budget &&
          protocol === identity.protocol &&
          backend === identity.backend,
      );
      return same === undefined ? [] : [[work, same] as const];
    }),
  );
}

/** Methods whose points are left to another run. */
const othersThan = (methods: Options['methods']): readonly Method[] =>
  methods === undefined ? [] : chainMethods.filter((method) => !methods.includes(method));

/** What is to be computed now. Studies of the same models share them: each is computed once, for the first of them. */
function missingOf(works: readonly Work[], methods: Options['methods']): PlannedPoint[] {
  const others = othersThan(methods);
  const missing = new Map<string, PlannedPoint>();
  for (const { planned, known } of works) {
    for (const point of planned) {
      const isLeft = known.has(point.address) || missing.has(point.address) || others.includes(point.config.method);
      if (!isLeft) missing.set(point.address, point);
    }
  }
  return [...missing.values()];
}

/** Everything that was asked for is computed again. */
function forgetAsked({ planned, known }: Work, methods: Options['methods']): void {
  const others = othersThan(methods);
  for (const { address, config } of planned) if (!others.includes(config.method)) known.delete(address);
}

function sumOfKnown(works: readonly Work[]): number {
  return works.reduce((sum, { known }) => sum + known.size, 0);
}

/** Says which points diverged and where the results are. */
function summarise(results: readonly Result[], out: string, started: number, note: (line: string) => void): ExitCode {
  const diverged = results.flatMap((result) =>
    result.points.filter(({ status }) => status === 'diverged').map((point) => ({ result, point })),
  );
  for (const { result, point } of diverged) {
    note(
      `diverged: ${result.study} seed ${point.seed} ${point.method} at prune ratio ${point.pruneRatio}: ${point.reason ?? 'no reason given'}`,
    );
  }
  note(
    `Done in ${formatDuration((Date.now() - started) / 1000)}. Open ${out}/index.html, or read ${results.map(({ study }) => `${out}/${study}/table.md`).join(', ')}.`,
  );
  return diverged.length > 0 ? exitCodes.failed : exitCodes.ok;
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    return;
  }
}
