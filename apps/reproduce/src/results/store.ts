import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.ts';
import type { PlannedPoint } from '../plan.ts';
import { asFileFailure } from './fileFailure.ts';
import type { Artefact, StoredPoint } from './files.ts';
import { encodeArtefact, readArtefact, readPoint, writeJson, writeWhole } from './files.ts';
import { foreignFiles } from './foreign.ts';
import { removeLeftovers } from './leftovers.ts';
import { lockDirectory } from './lock.ts';
import type { StoredStudy } from './read.ts';
import { isOurs, marker, markerName, readPoints, readResults } from './read.ts';
import { damagedResults, setAside } from './resultFile.ts';
import type { Point, Result } from './schema.ts';
import { findSlot } from './slots.ts';

export type { Artefact } from './files.ts';
export type { StoredStudy } from './read.ts';
export { markerName } from './read.ts';

/**
 * A results directory:
 *
 *     .sparseflow-results.json        says that the directory is ours
 *     index.html                      every study in here
 *     STUDY/result.json, table.md     the numbers
 *     STUDY/figures/*.svg, *.png
 *     DATA/points/ADDRESS.json        one finished point each, in a folder named by its data set
 *     DATA/artefacts/ADDRESS.json     its density and samples, or what else the figures need
 *     DATA/checkpoints/ADDRESS.…      its parameters and masks, and samples while it was trained; the state of that, while it goes on
 *     DATA/logs/ADDRESS.jsonl         its training, step by step; DATA/tensorboard/… is the same for TensorBoard
 *
 * Studies of the same models find each other's points: what decides a point's numbers is its address, and its data set is its folder.
 * Every file is written aside, flushed and renamed, so that none is ever half there.
 */
export interface Store {
  readonly directory: string;
  /** The finished point at this configuration's address, if there is one that can be read. */
  loadPoint(place: Place): Point | undefined;
  savePoint(planned: Place & Pick<PlannedPoint, 'config'>, point: Point, artefact: Artefact | undefined): void;
  loadArtefact(place: Place): Artefact | undefined;
  checkpointDirectory(folder: string): string;
  /**
   * Makes room for the results of studies that are to be written: a damaged one is kept under another name, and said.
   *
   * @throws UsageError for one that is something else's.
   */
  claimResults(studies: readonly string[]): void;
  saveStudy(result: Result, table: string, figures: ReadonlyMap<string, FigureFiles>): void;
  /** Adds a figure to those of a study that is there. */
  saveFigure(study: string, name: string, figure: FigureFiles): void;
  saveIndex(html: string): void;
  /** Everything that is there and can be read, by study name. */
  results(): StoredStudy[];
  /** Every finished point that can be read. */
  points(): readonly (StoredPoint & { readonly folder: string })[];
  close(): void;
}

/** Which files are meant. */
export type Place = Pick<PlannedPoint, 'folder' | 'address'>;

/** One figure in its two forms. */
export interface FigureFiles {
  readonly svg: string;
  readonly png: Uint8Array;
}

/**
 * Checks without writing anything that a directory can take results of these studies.
 *
 * @throws UsageError when it is not a directory, not writable, holds somebody else's files, or a result.json that is something else's
 *   in place of one of the studies'.
 */
export function inspectDirectory(directory: string, studies: readonly string[]): void {
  const remedy = 'choose another --out, or an empty directory';
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return assertWritable(nearestExisting(directory), directory);
    if (code === 'ENOTDIR') throw new UsageError(`--out ${directory} is not a directory`, remedy);
    throw new UsageError(`--out ${directory} cannot be read (${code ?? String(error)})`, remedy, { cause: error });
  }
  if (entries.length > 0 && !isOurs(directory)) {
    const some = entries.slice(0, 3).join(', ') + (entries.length > 3 ? ', …' : '');
    throw new UsageError(`--out ${directory} holds files that are not results of this program (${some})`, remedy);
  }
  assertWritable(directory, directory);
  damagedResults(directory, studies);
}

/** Refusals of a place, for which another does as well; others pass, such as that of a full disk. */
const ofPlace: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Opens a results directory that `inspectDirectory` has accepted, creating and locking it.
 *
 * @param warn takes one line about what cannot be used, or is not of this program, and is left alone.
 * @throws UsageError when another run holds it or it cannot be written.
 * @throws FileFailure when it cannot be written now, such as on a full disk.
 */
export function openStore(directory: string, warn: (line: string) => void): Store {
  let release = (): void => undefined;
  let foreign: readonly string[];
  try {
    makeDirectory(directory);
    release = lockDirectory(directory);
    if (!existsSync(join(directory, markerName))) writeJson(join(directory, markerName), marker);
    removeLeftovers(directory);
    foreign = foreignFiles(directory);
  } catch (error) {
    release();
    if (error instanceof UsageError) throw error;
    const refused = asFileFailure(error);
    if (refused !== undefined && !ofPlace.has(refused.refusal)) throw refused;
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--out ${directory} cannot be written (${code ?? String(error)})`, 'choose another --out', {
      cause: error,
    });
  }

  if (foreign.length > 0) {
    const more = foreign.length > 8 ? `, … (${foreign.length - 8} more)` : '';
    warn(`not of this program, and left alone in ${directory}: ${foreign.slice(0, 8).join(', ')}${more}`);
  }

  const warned = new Set<string>();
  const leaveAlone = (path: string, reason: string): void => {
    if (warned.has(path)) return;
    warned.add(path);
    warn(`${path} cannot be used and is left alone: ${reason}`);
  };
  const pointSlot = ({ folder, address }: Place) =>
    findSlot(join(directory, folder, 'points'), address, 'json', (path) => readPoint(path, address), leaveAlone);
  const artefactSlot = ({ folder, address }: Place) =>
    findSlot(join(directory, folder, 'artefacts'), address, 'json', (path) => readArtefact(path, address), leaveAlone);

  const saveFigure = (study: string, name: string, { svg, png }: FigureFiles): void => {
    writeWhole(join(directory, study, 'figures', `${name}.svg`), svg);
    writeWhole(join(directory, study, 'figures', `${name}.png`), png);
  };

  return {
    directory,
    loadPoint: (planned) => pointSlot(planned).value?.point,
    loadArtefact: (planned) => artefactSlot(planned).value,
    savePoint(planned, point, artefact) {
      // The point is what says "finished", so it is written last.
      if (artefact !== undefined) writeJson(artefactSlot(planned).path, encodeArtefact(planned.address, artefact));
      writeJson(pointSlot(planned).path, { schema: 1, config: planned.config, point });
    },
    checkpointDirectory(folder) {
      const path = join(directory, folder, 'checkpoints');
      mkdirSync(path, { recursive: true });
      return path;
    },
    claimResults(studies) {
      for (const { path, reason } of damagedResults(directory, studies))
        warn(
          `${path} is damaged (${reason}): it is kept as ${basename(setAside(path))}, and made again from the finished points`,
        );
    },
    saveStudy(result, table, figures) {
      const base = join(directory, result.study);
      for (const [name, figure] of figures) saveFigure(result.study, name, figure);
      writeWhole(join(base, 'table.md'), table);
      writeJson(join(base, 'result.json'), result);
    },
    saveFigure,
    saveIndex: (html) => writeWhole(join(directory, 'index.html'), html),
    results: () => readResults(directory, leaveAlone),
    points: () => readPoints(directory, leaveAlone),
    close: () => release(),
  };
}

/** Level by level: Node's own way to do so never returns where a folder takes no others, such as /proc. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory));
  try {
    mkdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function nearestExisting(path: string): string {
  let current = path;
  while (!existsSync(current) && dirname(current) !== current) current = dirname(current);
  return current;
}

function assertWritable(existing: string, wanted: string): void {
  try {
    if (!statSync(existing).isDirectory()) throw new Error('a part of the path is a file');
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `--out ${wanted} cannot be written (${existing}: ${code ?? message})`,
      'choose a directory you may write to',
      { cause: error },
    );
  }
}
