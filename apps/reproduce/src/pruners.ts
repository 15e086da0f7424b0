import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Pruner } from '@sparseflow/pruning';
import { checkPruner, pruners } from '@sparseflow/pruning';
import { SparseflowError } from '@sparseflow/tensor';
import { UsageError } from './errors.ts';

/** A pruner that a study is run with besides its own methods. Plain data. */
export interface PrunerChoice {
  readonly name: string;
  /** Hash of the file that it comes from, with all that it imports by path; null for a built-in one. */
  readonly source: string | null;
  /** The file in a form that any worker can load; null for a built-in one. */
  readonly file: string | null;
}

/** Built-in pruners that every study has as one of its methods: unstructured, structured, random. */
const inEveryStudy: ReadonlySet<string> = new Set(['magnitude', 'neuron-norm', 'random-weights']);

/**
 * Finds what `--pruner` names: a built-in pruner, `all` for those that the studies do not have anyway, or a file.
 *
 * @throws UsageError for an unknown name, and for a file that is missing or exports no pruner, or one that fails on a small network.
 */
export async function resolvePruners(given: readonly string[], cwd: string): Promise<PrunerChoice[]> {
  const choices = new Map<string, PrunerChoice>();
  for (const value of given) {
    for (const choice of await choicesOf(value, cwd)) {
      if ((choices.get(choice.name)?.source ?? choice.source) !== choice.source) {
        throw new UsageError(`two pruners are named '${choice.name}'`, 'give yours a name of its own');
      }
      choices.set(choice.name, choice);
    }
  }
  return [...choices.values()];
}

async function choicesOf(value: string, cwd: string): Promise<PrunerChoice[]> {
  const builtIn = (names: readonly string[]): PrunerChoice[] =>
    names.map((name) => ({ name, source: null, file: null }));
  const names = pruners.map(({ name }) => name);
  if (value === 'all') return builtIn(names.filter((name) => !inEveryStudy.has(name)));
  if (names.includes(value)) return builtIn([value]);
  const path = resolve(cwd, value);
  if (!/[/\\]|\.(ts|mts|js|mjs)$/.test(value)) {
    throw new UsageError(
      `--pruner ${value} is unknown`,
      `use one of: all, ${names.join(', ')}; or a file, such as ./my-pruner.ts`,
    );
  }
  if (!existsSync(path))
    throw new UsageError(`--pruner ${value}: there is no such file`, 'name a .ts, .js or .mjs file');
  const { source, file } = await compile(path, value);
  const pruner = await importPruner(file, value);
  const { name } = pruner;
  if (names.includes(name)) {
    throw new UsageError(`--pruner ${value}: '${name}' is a built-in pruner`, 'give yours a name of its own');
  }
  await tryPruner(pruner, value);
  return [{ name, source, file }];
}

/** The pruner of a choice. */
export async function loadPruner({ name, file }: PrunerChoice): Promise<Pruner> {
  const builtIn = pruners.find((pruner) => pruner.name === name);
  return file === null ? builtIn! : importPruner(file, file);
}

/** Where files lie whose imports find this program's packages. */
function cacheDirectory(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'node_modules')) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, 'node_modules', '.cache', 'reproduce-pruners');
}

/** Makes one JavaScript module of a file and what it imports by path. The file's name is the hash of its content. */
async function compile(path: string, value: string): Promise<{ readonly source: string; readonly file: string }> {
  const { build } = await import('esbuild');
  let code: Uint8Array;
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      write: false,
      logLevel: 'silent',
    });
    code = outputFiles[0]!.contents;
  } catch (error) {
    throw new UsageError(
      `--pruner ${value} cannot be read: ${oneLine(error)}`,
      'give a .ts, .js or .mjs file that builds',
    );
  }
  const source = createHash('sha256').update(code).digest('hex').slice(0, 32);
  const name = `${basename(path, extname(path))}-${source}.mjs`;
  const file = join(cacheDirectory(), name);
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  return { source, file };
}

async function importPruner(file: string, value: string): Promise<Pruner> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`--pruner ${value} fails when it is loaded: ${oneLine(error)}`, 'fix the file');
  }
  const found = [...new Set(Object.values(exported))].filter(isPruner);
  if (found.length !== 1) {
    throw new UsageError(
      `--pruner ${value} exports ${found.length === 0 ? 'no pruner' : `${found.length} pruners`}`,
      "export one object { name, target: 'weights' or 'neurons', scope: 'global' or 'local', score(params, context) }",
    );
  }
  return found[0]!;
}

/** Its turn comes after minutes of training: what is wrong with it is better said before. */
async function tryPruner(pruner: Pruner, value: string): Promise<void> {
  try {
    await checkPruner(pruner);
  } catch (error) {
    const known = error instanceof SparseflowError;
    const what = oneLine(error).replace(/\. To fix: .*$/, '');
    throw new UsageError(
      `--pruner ${value} fails on a small network: ${what}`,
      known ? error.remedy : `fix the file${error instanceof Error ? ` (${placeOf(error)})` : ''}`,
    );
  }
}

/** Where an error was thrown: the first line of its stack that is a place. */
function placeOf({ stack = '', name }: Error): string {
  return /^\s*(at .*)$/m.exec(stack)?.[1] ?? name;
}

function isPruner(value: unknown): value is Pruner {
  if (typeof value !== 'object' || value === null) return false;
  const { name, target, scope, score } = value as Partial<Record<keyof Pruner, unknown>>;
  return (
    typeof name === 'string' &&
    /^[\w.-]{1,40}$/.test(name) &&
    (target === 'weights' || target === 'neurons') &&
    (scope === 'global' || scope === 'local') &&
    typeof score === 'function'
  );
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
}
