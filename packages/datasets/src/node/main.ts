import { SparseflowError } from '@sparseflow/tensor';
import { Command, CommanderError } from 'commander';
import { createLogUpdate } from 'log-update';
import type { Download } from '../sets/definition.ts';
import { describeDownload, findForm } from '../sets/findFiles.ts';
import { realDataset, realDatasets } from '../sets/list.ts';
import { verifyDataset } from '../sets/verifyDataset.ts';
import { defaultDataFolder } from './cacheFolder.ts';
import { fetchDataset } from './fetchDataset.ts';
import { fileStorage } from './fileStorage.ts';
import { storageOf } from './loadDataset.ts';

/** What the program writes to. */
export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

/**
 * `datasets list | fetch NAME… | verify NAME…`
 *
 * @param argv - Arguments after the program's name.
 * @returns the exit code: 0, 1 when a file cannot be had or is damaged, 2 for a command line that is not understood
 */
export async function main(argv: readonly string[], { stdout, stderr }: Streams): Promise<number> {
  const say = (text: string): void => void stdout.write(`${text}\n`);
  const folderOf = ({ dataDir }: { readonly dataDir?: string }): string => dataDir ?? defaultDataFolder();
  const program = new Command('datasets')
    .description('Data sets that come in files')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) });
  const dataDir = ['--data-dir <dir>', 'where files are put and looked for (default: the XDG cache folder)'] as const;

  program
    .command('list')
    .description('every data set, and whether it is here')
    .option(...dataDir)
    .action(async (options: { readonly dataDir?: string }) => {
      const storage = fileStorage(folderOf(options));
      for (const definition of realDatasets) {
        const { name, dim, rows, description } = definition;
        const found = await findForm(definition, [storage]);
        for (const { file } of found?.files ?? []) await file.close();
        const here = found ? found.files.map(({ file }) => file.path).join(' ') : 'not here';
        say(`${name.padEnd(10)} ${rows.join(' + ')} rows of ${dim}: ${description} (${here})`);
      }
    });

  program
    .command('fetch <name...>')
    .description('download, check and unpack')
    .option(...dataDir)
    .action(async (names: readonly string[], options: { readonly dataDir?: string }) => {
      const storage = fileStorage(folderOf(options));
      const definitions = names.map(realDataset);
      for (const definition of definitions) {
        const { name } = definition;
        const progress = createProgress(stderr);
        let current: Download | undefined;
        try {
          const fetched = await fetchDataset(definition, storage, (file, done, total) => {
            current = file;
            progress.show(`${name}: ${file.url}`, done, total);
          });
          progress.close();
          say(fetched.length === 0 ? `${name}: already here` : `${name}: ${fetched.join(' ')}`);
        } catch (error) {
          const sources = current ? [current] : definition.downloads;
          const byHand = sources.map((file) => describeDownload(file, storage)).join('; and ');
          progress.close();
          throw error instanceof SparseflowError ? new FetchFailure(`${error.message} By hand: get ${byHand}.`) : error;
        }
      }
    });

  program
    .command('verify <name...>')
    .description('read files to their end, the prepared ones too, and compare them with their checksums')
    .option(...dataDir)
    .action(async (names: readonly string[], options: { readonly dataDir?: string }) => {
      for (const definition of names.map(realDataset)) {
        const { published, sources, prepared, rows, reason } = await verifyDataset(definition, storageOf(options));
        const agree = published === 1 ? 'checksum agrees' : 'checksums agree';
        const sums = published > 0 ? `${published} published ${agree}` : 'no checksum is published';
        say(
          [
            `${definition.name}: ${sums}`,
            `${sources} source and ${prepared} prepared files are as they were`,
            `${rows.join(' + ')} rows`,
            ...(reason === undefined ? [] : [`not comparable with the paper: ${reason}`]),
          ].join('; '),
        );
      }
    });

  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof SparseflowError) && !(error instanceof FetchFailure)) throw error;
    stderr.write(`${error.message}\n`);
    return error instanceof SparseflowError && error.code === 'DATASET' ? 2 : 1;
  }
}

/** A failed download, with what to do without one. */
class FetchFailure extends Error {}

/** One line that is drawn over in a terminal; elsewhere a line for every tenth, or every ten megabytes of who knows how many. */
function createProgress(stderr: Streams['stderr']): {
  show(what: string, done: number, total: number | undefined): void;
  /** The line stays. */
  close(): void;
} {
  const screen = stderr.isTTY ? createLogUpdate(stderr as NodeJS.WriteStream) : undefined;
  let shown = -1;
  return {
    show(what, done, total) {
      const percent = total === undefined ? Math.floor(done / 1e6) : Math.floor((100 * done) / total);
      const step = screen ? percent : Math.floor(percent / 10);
      if (step === shown) return;
      shown = step;
      const line = `${what}: ${(done / 1e6).toFixed(1)}${total === undefined ? '' : ` of ${(total / 1e6).toFixed(1)}`} MB`;
      if (screen) screen(line);
      else stderr.write(`${line}\n`);
    },
    close: () => screen?.done(),
  };
}
