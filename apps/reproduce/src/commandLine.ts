import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { UsageError } from './errors.ts';
import { logFormats } from './logs/runLog.ts';
import type { Options } from './options.ts';
import { backendNames, resolveOptions } from './options.ts';
import { budgets, chainMethods, protocols } from './study.ts';

/** What the command line asks for. Paths are absolute. */
export type Request =
  | { readonly command: 'run'; readonly options: Options }
  | { readonly command: 'list'; readonly json: boolean }
  | { readonly command: 'merge'; readonly from: readonly string[]; readonly out: string }
  | { readonly command: 'report'; readonly out: string }
  | { readonly command: 'export'; readonly out: string };

/**
 * Reads the command line.
 *
 * @param print takes the help.
 * @returns undefined when it asked for help, which has been printed.
 * @throws UsageError naming what cannot be understood.
 */
export function parseCommandLine(
  argv: readonly string[],
  cwd: string,
  print: (text: string) => void,
): Request | undefined {
  let request: Request | undefined;
  const program = createProgram((value) => (request = value), cwd, print);
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
  return request;
}

function createProgram(accept: (request: Request) => void, cwd: string, print: (text: string) => void): Command {
  const program = new Command('pnpm reproduce')
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => undefined })
    // `--out` and `--json` belong to the command that they follow.
    .enablePositionalOptions()
    .description('Regenerates the tables and figures of "Sparse Flows: Pruning Continuous-depth Models".')
    .usage('[STUDY…] [options]')
    .argument('[study...]', 'studies or groups (default: gaussians)')
    .option('--budget <budget>', `how much to compute: ${budgets.join(', ')}`, 'quick')
    .option('--backend <backend>', `what to compute with: ${backendNames.join(', ')}`, 'auto')
    .option('--protocol <protocol>', `when a round of training ends: ${protocols.join(', ')}`, 'paper')
    .option('--seeds <n>', 'number of seeds, or a range such as 2-3 (default: 1; 3 at the paper budget)')
    .option('--methods <list>', `only these now, such as control,random (of ${chainMethods.join(', ')}; default: all)`)
    .option('--workers <n>', 'points computed at once (default: number of cores)')
    .option('--out <dir>', 'where results go, and where earlier ones are continued', 'results')
    .option('--data-dir <dir>', 'where data files are (the toy studies need none)')
    .option(
      '--pruner <pruner>',
      'also run with this pruner: a name, `all`, or a file that exports one; may be repeated',
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    )
    .option('--log <format>', `logs of every training: ${logFormats.join(', ')}`, 'both')
    .option('--json', 'print the result, and nothing else, on standard output')
    .option('--fresh', 'compute everything again')
    .option('--dry-run', 'say what would be computed and what it would take, and write no results')
    .action((names: readonly string[], raw: unknown) =>
      accept({ command: 'run', options: resolveOptions(names, raw, cwd) }),
    );

  const outOf = ({ out }: { readonly out: string }): string => {
    if (out === '') throw new UsageError('--out is empty', 'name a directory');
    return resolve(cwd, out);
  };
  program
    .command('list')
    .description('every study and group, and which of them can be run')
    .argument('[study...]')
    .option('--json', 'as JSON')
    .action((names: readonly string[], { json = false }: { readonly json?: boolean }) => {
      if (names.length > 0) throw new UsageError('list takes no studies', 'run `pnpm reproduce list`');
      accept({ command: 'list', json });
    });
  program
    .command('merge')
    .description('takes finished points and their checkpoints over from other results directories')
    .argument('<dir...>', 'results directories, which stay as they are')
    .option('--out <dir>', 'results directory that they are added to', 'results')
    .action((from: readonly string[], raw: { readonly out: string }) =>
      accept({ command: 'merge', from: from.map((dir) => resolve(cwd, dir)), out: outOf(raw) }),
    );
  program
    .command('report')
    .description('writes tables, figures and page again from the stored points, without computing')
    .option('--out <dir>', 'results directory', 'results')
    .action((raw: { readonly out: string }) => accept({ command: 'report', out: outOf(raw) }));
  program
    .command('export')
    .description('writes all points of all studies as one table, points.csv')
    .option('--out <dir>', 'results directory', 'results')
    .action((raw: { readonly out: string }) => accept({ command: 'export', out: outOf(raw) }));
  return program;
}

/** The command as one would type it again. */
export function commandText(argv: readonly string[]): string {
  const quoted = argv.map((argument) =>
    /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`,
  );
  return ['pnpm reproduce', ...quoted].join(' ');
}
