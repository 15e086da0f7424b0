import { availableParallelism } from 'node:os';
import { Command, CommanderError } from 'commander';
import { catalogue, selectStudies } from './catalogue.ts';
import { UsageError } from './errors.ts';
import { resolveBackend } from './numerics/backends.ts';
import type { Options } from './options.ts';
import { backendNames, resolveOptions } from './options.ts';
import { planStudy, seedsOf } from './plan.ts';
import type { PrunerChoice } from './pruners.ts';
import { resolvePruners } from './pruners.ts';
import { renderPage } from './report/page.ts';
import { writeStudy } from './report/writeStudy.ts';
import { buildResult, pointOf } from './result.ts';
import type { PlannedPoint } from './plan.ts';
import type { Point, Result } from './results/schema.ts';
import type { Store } from './results/store.ts';
import { inspectDirectory, openStore } from './results/store.ts';
import { formatDuration } from './run/describe.ts';
import type { Executor } from './run/executor.ts';
import type { ProgressStream, Reporter } from './run/progress.ts';
import { createReporter } from './run/progress.ts';
import { runPoints } from './run/runPoints.ts';
import type { StopFlag } from './run/workerPool.ts';
import { createStopFlag } from './run/workerPool.ts';
import type { Study } from './study.ts';
import { budgets, protocols } from './study.ts';

/** Exit codes: everything computed; a point diverged or something failed; the request cannot be carried out; interrupted. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** What the program touches outside itself. */
export interface Surroundings {
  readonly cwd: string;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
  readonly studies: readonly Study[];
  /** Computes points, `size` at a time, until `stop` is raised. */
  createExecutor(size: number, stop: StopFlag): Executor;
  /** Whether a finished checkpoint can be continued from; asked before its children are trained. */
  canContinueFrom(checkpoints: string, address: string): boolean;
  /** Registers what to do when a person asks to stop; returns how to unregister it. */
  onInterrupt(handler: () => void): () => void;
}

/**
 * The program.
 *
 * @param argv arguments after the program's name.
 * @returns the exit code.
 */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  try {
    const request = parse(argv, surroundings);
    if (request === undefined) return exitCodes.ok;
    if (request.list) {
      stdout.write(renderList(surroundings.studies, request.json));
      return exitCodes.ok;
    }
    return await reproduce(request.options, argv, surroundings);
  } catch (error) {
    if (error instanceof UsageError) {
      stderr.write(`${oneLine(error.message)}\n`);
      return exitCodes.usage;
    }
    stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return exitCodes.failed;
  }
}

type Request = { readonly list: true; readonly json: boolean } | { readonly list: false; readonly options: Options };

/** Reads the command line; undefined when it asked for help, which has been printed. */
function parse(argv: readonly string[], { cwd, stdout, studies }: Surroundings): Request | undefined {
  let request: Request | undefined;
  const program = new Command('pnpm reproduce')
    .description('Regenerates the tables and figures of "Sparse Flows: Pruning Continuous-depth Models".')
    .usage('[list] [STUDY…] [options]')
    .argument('[study...]', 'studies or groups, or `list` to see them (default: gaussians)')
    .option('--budget <budget>', `how much to compute: ${budgets.join(', ')}`, 'quick')
    .option('--backend <backend>', `what to compute with: ${backendNames.join(', ')}`, 'auto')
    .option('--protocol <protocol>', `when a round of training ends: ${protocols.join(', ')}`, 'paper')
    .option('--seeds <n>', 'number of seeds (default: 1; 3 at the paper budget)')
    .option('--workers <n>', 'points computed at once (default: number of cores)')
    .option('--out <dir>', 'where results go, and where earlier ones are continued', 'results')
    .option('--data-dir <dir>', 'where data files are (the toy studies need none)')
    .option(
      '--pruner <pruner>',
      'also run with this pruner: a name, `all`, or a file that exports one; may be repeated',
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option('--json', 'print the result, and nothing else, on standard output')
    .option('--fresh', 'compute everything again')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => undefined })
    .action((names: readonly string[], raw: { readonly json?: boolean }) => {
      const list = names[0] === 'list';
      if (list && names.length > 1) throw new UsageError('list takes no studies', 'run `pnpm reproduce list`');
      request = list
        ? { list: true, json: raw.json === true }
        : { list: false, options: resolveOptions(names, raw, cwd) };
    });
  try {
    program.parse(
      argv.filter((argument, i) => !(i === 0 && argument === '--')),
      { from: 'user' },
    );
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    const what = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    throw new UsageError(what, 'see `pnpm reproduce --help`');
  }
  if (request === undefined && studies.length === 0)
    throw new UsageError('there is no study', 'add one to studies/index.ts');
  return request;
}

function renderList(studies: readonly Study[], json: boolean): string {
  const { studies: known, groups } = catalogue(studies);
  if (json) return `${JSON.stringify({ studies: known, groups }, null, 2)}\n`;
  const width = Math.max(...[...known, ...groups].map(({ name }) => name.length)) + 2;
  const study = ({ name, about, available }: (typeof known)[number]): string =>
    `  ${name.padEnd(width)}${about}${available ? '' : ' (not yet available)'}`;
  return [
    'Studies',
    ...known.map(study),
    '',
    'Groups',
    ...groups.map(({ name, members }) => `  ${name.padEnd(width)}${members.join(', ')}`),
    '',
    'Budgets: smoke (seconds), quick (minutes, shows the effect), paper (the paper’s settings, hours to days).',
    '',
  ].join('\n');
}

/** One study of this run, with what is planned and what is known of it. */
interface Work {
  readonly study: Study;
  readonly seeds: number;
  readonly planned: readonly PlannedPoint[];
  readonly known: Map<string, Point>;
  readonly kept: number;
}

async function reproduce(options: Options, argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stderr, stdout } = surroundings;
  const started = Date.now();
  const selection = selectStudies(options.names, surroundings.studies);
  const backend = await resolveBackend(options.backend);
  const pruners = await resolvePruners(options.pruners, surroundings.cwd);
  inspectDirectory(
    options.out,
    selection.studies.map(({ name }) => name),
  );

  let note = (line: string): void => void stderr.write(`${line}\n`);
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
  try {
    if (selection.missing.length > 0) note(`Not yet available, left out: ${selection.missing.join(', ')}.`);
    for (const reason of backend.passedOver) note(`not used: ${oneLine(reason)}`);
    const works = selection.studies.map((study) =>
      prepare(study, options, { backend: backend.name, pruners }, store, surroundings),
    );
    // Studies of the same models share them: each is computed once.
    const missing = works.flatMap(({ planned, known }) => planned.filter(({ address }) => !known.has(address)));
    const todo = [...new Map(missing.map((point) => [point.address, point])).values()];
    const kept = works.reduce((sum, work) => sum + work.kept, 0);
    note(
      `${selection.studies.map(({ name }) => name).join(', ')}: ${todo.length} points to compute${kept > 0 ? `, ${kept} kept from before` : ''}; ${options.budget} budget, backend ${backend.name}, ${options.workers} ${options.workers === 1 ? 'worker' : 'workers'}, results in ${options.out}`,
    );

    const workers = Math.max(1, Math.min(options.workers, todo.length));
    const bars = (reporter = createReporter(stderr, todo, workers));
    note = (line) => bars.note(line);
    const results: Result[] = [];
    const finishIfComplete = (work: Work): void => {
      if (work.planned.some(({ address }) => !work.known.has(address))) return;
      const result = buildResult(
        work.study,
        { budget: options.budget, protocol: options.protocol, backend: backend.name, seeds: work.seeds },
        work.planned,
        work.known,
        {
          command: commandLine(argv),
          finished: new Date().toISOString(),
          wallSeconds: Math.round((Date.now() - started) / 100) / 10,
          workers: options.workers,
          kept: work.kept,
        },
      );
      writeStudy(store, result, work.planned);
      store.saveIndex(renderPage(store.results()));
      results.push(result);
    };
    for (const work of works) finishIfComplete(work);

    if (todo.length > 0) {
      executor = surroundings.createExecutor(workers, stop);
      await runPoints(
        todo,
        executor,
        ({ folder }) => ({
          checkpoints: store.checkpointDirectory(folder),
          fresh: options.fresh,
          // The chains share the cores; what is left over goes to threads within them.
          threads: Math.max(1, Math.floor(availableParallelism() / workers)),
        }),
        stop,
        {
          onStart: (point) => bars.start(point),
          onProgress: (point, progress) => bars.progress(point, progress),
          onWarning: (line) => bars.note(`warning: ${line}`),
          onFinish(point, outcome) {
            bars.finish(point, outcome);
            if (outcome.status === 'stopped') return;
            const row = pointOf(point, outcome);
            store.savePoint(point, row, outcome.status === 'diverged' ? undefined : outcome.artefact);
            for (const work of works) {
              if (work.known.has(point.address) || !work.planned.some(({ address }) => address === point.address))
                continue;
              work.known.set(point.address, row);
              finishIfComplete(work);
            }
          },
        },
      );
    }
    reporter.close();
    note = (line) => void stderr.write(`${line}\n`);

    if (interrupted && results.length < works.length) {
      note(
        `Interrupted; everything finished so far is kept. Resume with: ${commandLine(argv.filter((argument) => argument !== '--fresh'))}`,
      );
      return exitCodes.interrupted;
    }
    const ordered = works.map(({ study }) => results.find((result) => result.study === study.name)!);
    if (options.json) stdout.write(`${JSON.stringify(ordered.length === 1 ? ordered[0] : ordered, null, 2)}\n`);
    return summarise(ordered, options.out, started, note);
  } finally {
    reporter?.close();
    await executor?.close();
    unregister();
    store.close();
  }
}

/** Plans a study and finds what is finished already. */
function prepare(
  study: Study,
  options: Options,
  { backend, pruners }: { readonly backend: string; readonly pruners: readonly PrunerChoice[] },
  store: Store,
  { canContinueFrom }: Surroundings,
): Work {
  const seeds = options.seeds ?? seedsOf(study, options.budget);
  const planned = planStudy(study, { budget: options.budget, protocol: options.protocol, seeds, backend, pruners });
  const known = new Map<string, Point>();
  if (!options.fresh) {
    for (const point of planned) {
      const stored = store.loadPoint(point);
      if (stored === undefined) continue;
      // Without what it left to draw, a point is evaluated again; its checkpoint spares the training.
      if (stored.status === 'ok' && point.config.draw !== null && store.loadArtefact(point) === undefined) continue;
      known.set(point.address, stored);
    }
  }
  // A finished point whose checkpoint is gone must be trained again before its children can be.
  for (const child of [...planned].reverse()) {
    const parent = child.config.parent;
    if (parent === null || known.has(child.address) || !known.has(parent)) continue;
    if (!canContinueFrom(store.checkpointDirectory(child.folder), parent)) known.delete(parent);
  }
  return { study, seeds, planned, known, kept: known.size };
}

function summarise(results: readonly Result[], out: string, started: number, note: (line: string) => void): number {
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

/** The command as one would type it again. */
function commandLine(argv: readonly string[]): string {
  const quoted = argv.map((argument) =>
    /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`,
  );
  return ['pnpm reproduce', ...quoted].join(' ');
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
