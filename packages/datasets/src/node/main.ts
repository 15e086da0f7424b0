import { dirname } from 'node:path';
import { SparseflowError } from '@sparseflow/tensor';
import { Command, CommanderError } from 'commander';
import { createLogUpdate } from 'log-update';
import { describeDownload, lookFor } from '../sets/findFiles.ts';
import { realDataset, realDatasets } from '../sets/list.ts';
import { verifyDataset } from '../sets/verifyDataset.ts';
import { defaultDataFolder } from './cacheFolder.ts';
import { fetchFile, missingDownloads, placesOf } from './fetchDataset.ts';
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
        const found = await lookFor(definition, storage);
        const paths = found?.paths.join(' ') ?? 'not here';
        const here = found?.form.conversion === undefined ? paths : `${paths}, to be converted`;
        say(`${name.padEnd(10)} ${rows.join(' + ')} rows of ${dim}: ${description} (${here})`);
      }
    });

  program
    .command('fetch <name...>')
    .description('download, check and unpack')
    .option(...dataDir)
    .action(async (names: readonly string[], options: { readonly dataDir?: string }) => {
      const storage = fileStorage(folderOf(options));
      const definitions = [...new Set(names)].map(realDataset);
      const needed = await missingDownloads(definitions, storage);
      for (const { name } of definitions) {
        if (!needed.some((download) => download.names.includes(name))) say(`${name}: already here`);
      }
      for (const { file, names: sets } of needed) {
        const what = sets.join(', ');
        const progress = createProgress(stderr);
        try {
          await fetchFile(file, storage, (done, total) => progress.show(`${what}: ${file.url}`, done, total));
        } catch (error) {
          if (!(error instanceof SparseflowError)) throw error;
          throw new FetchFailure(`${error.message} By hand: get ${describeDownload(file, storage)}.`);
        } finally {
          progress.close();
        }
        say(
          `${what}: ${placesOf(file)
            .map(({ path }) => storage.describe(path))
            .join(' ')}`,
        );
      }
      for (const definition of definitions) {
        const found = await lookFor(definition, storage);
        if (found?.form.conversion === undefined) continue;
        const folder = dirname(found.paths[0]!);
        say(`${definition.name}: to be converted before it can be used; run in ${folder}: ${found.form.conversion}`);
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
