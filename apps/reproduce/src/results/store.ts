import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { UsageError } from '../errors.ts';
import type { PlannedPoint } from '../plan.ts';
import { contentAddress } from './canonicalJson.ts';
import { lockDirectory } from './lock.ts';
import type { Point, Result } from './schema.ts';
import { artefactFileSchema, pointFileSchema, resultSchema } from './schema.ts';
import { findSlot } from './slots.ts';

export const markerName = '.sparseflow-results.json';
const marker = { format: 'sparseflow-results', schema: 1 };

/** Numbers in single precision, row-major. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * What one point leaves for the figures: named arrays. Of a trained flow `logDensity` [grid, grid] (nats, at cell centres, rows from the
 * lowest y up), `samples` [n, 2], and of the dense flow `data` [n, 2], the test set; other kinds of points have arrays of their own.
 */
export interface Artefact {
  /** Half the side of the square that is shown. */
  readonly extent: number;
  readonly arrays: Readonly<Record<string, NumberArray>>;
}

/** One study as it lies in the results directory. */
export interface StoredStudy {
  readonly study: string;
  readonly result: Result;
  /** Its figures as SVG, by name. */
  readonly figures: ReadonlyMap<string, string>;
}

/**
 * A results directory:
 *
 *     .sparseflow-results.json        says that the directory is ours
 *     index.html                      every study in here
 *     STUDY/result.json, table.md     the numbers
 *     STUDY/figures/*.svg, *.png
 *     DATA/points/ADDRESS.json        one finished point each, in a folder named by its data set
 *     DATA/artefacts/ADDRESS.json     its density and samples, or what else the figures need
 *     DATA/checkpoints/ADDRESS.…      its parameters and masks; while it is computed, also the state of that
 *
 * Studies of the same models find each other's points: what decides a point's numbers is its address, and its data set is its folder.
 * Every file is written aside, flushed and renamed, so that none is ever half there.
 */
export interface Store {
  readonly directory: string;
  /** The finished point at this configuration's address, if there is one that can be read. */
  loadPoint(planned: PlannedPoint): Point | undefined;
  savePoint(planned: PlannedPoint, point: Point, artefact: Artefact | undefined): void;
  loadArtefact(planned: PlannedPoint): Artefact | undefined;
  checkpointDirectory(folder: string): string;
  saveStudy(result: Result, table: string, figures: ReadonlyMap<string, FigureFiles>): void;
  saveIndex(html: string): void;
  /** Everything that is there and can be read, by study name. */
  results(): StoredStudy[];
  close(): void;
}

/** One figure in its two forms. */
export interface FigureFiles {
  readonly svg: string;
  readonly png: Uint8Array;
}

/**
 * Checks without writing anything that a directory can take results of these studies.
 *
 * @throws UsageError when it is not a directory, not writable, holds somebody else's files, or an unreadable result of one of the studies.
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
  for (const study of studies) {
    const path = join(directory, study, 'result.json');
    if (!existsSync(path)) continue;
    try {
      parseFile(resultSchema, path);
    } catch (error) {
      throw new UsageError(
        `${path} is damaged or not a result of this program (${(error as Error).message})`,
        'move or delete it, or choose another --out; finished points are kept beside it',
        { cause: error },
      );
    }
  }
}

/**
 * Opens a results directory that `inspectDirectory` has accepted, creating and locking it.
 *
 * @param warn takes one line about a file that cannot be used and is left alone.
 * @throws UsageError when another run holds it or it cannot be written.
 */
export function openStore(directory: string, warn: (line: string) => void): Store {
  let release: () => void;
  try {
    mkdirSync(directory, { recursive: true });
    release = lockDirectory(directory);
    if (!existsSync(join(directory, markerName))) writeJson(join(directory, markerName), marker);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--out ${directory} cannot be written (${code ?? String(error)})`, 'choose another --out', {
      cause: error,
    });
  }

  const warned = new Set<string>();
  const leaveAlone = (path: string, reason: string): void => {
    if (warned.has(path)) return;
    warned.add(path);
    warn(`${path} cannot be used and is left alone: ${reason}`);
  };
  const pointSlot = ({ folder, address }: PlannedPoint) =>
    findSlot(join(directory, folder, 'points'), address, 'json', (path) => readPoint(path, address), leaveAlone);
  const artefactSlot = ({ folder, address }: PlannedPoint) =>
    findSlot(join(directory, folder, 'artefacts'), address, 'json', (path) => readArtefact(path, address), leaveAlone);

  return {
    directory,
    loadPoint: (planned) => pointSlot(planned).value,
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
    saveStudy(result, table, figures) {
      const base = join(directory, result.study);
      for (const [name, { svg, png }] of figures) {
        writeWhole(join(base, 'figures', `${name}.svg`), svg);
        writeWhole(join(base, 'figures', `${name}.png`), png);
      }
      writeWhole(join(base, 'table.md'), table);
      writeJson(join(base, 'result.json'), result);
    },
    saveIndex: (html) => writeWhole(join(directory, 'index.html'), html),
    results() {
      const found: StoredStudy[] = [];
      for (const study of readdirSync(directory).sort()) {
        const path = join(directory, study, 'result.json');
        if (!existsSync(path)) continue;
        try {
          const result = parseFile(resultSchema, path);
          if (result.study !== study) throw new Error(`it says that it is the result of '${result.study}'`);
          found.push({ study, result, figures: readFigures(join(directory, study, 'figures')) });
        } catch (error) {
          leaveAlone(path, (error as Error).message);
        }
      }
      return found;
    },
    close: () => release(),
  };
}

function isOurs(directory: string): boolean {
  try {
    const found = JSON.parse(readFileSync(join(directory, markerName), 'utf8')) as Partial<typeof marker>;
    return found.format === marker.format && found.schema === marker.schema;
  } catch {
    return false;
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

function writeWhole(path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileAtomic.sync(path, typeof data === 'string' ? data : Buffer.from(data));
}

function writeJson(path: string, value: unknown): void {
  writeWhole(path, `${JSON.stringify(value, null, 2)}\n`);
}

function parseFile<S extends v.GenericSchema>(schema: S, path: string): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`, { cause: error });
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  throw new Error(`${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

function readPoint(path: string, address: string): Point {
  const { config, point } = parseFile(pointFileSchema, path);
  if (contentAddress(config) !== address || point.address !== address)
    throw new Error('its configuration does not belong to its name');
  return point;
}

function readArtefact(path: string, address: string): Artefact {
  const { schema: _schema, address: owner, extent, ...arrays } = parseFile(artefactFileSchema, path);
  if (owner !== address) throw new Error('it belongs to another point');
  return {
    extent,
    arrays: Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, decodeFloats(array)])),
  };
}

function encodeArtefact(address: string, { extent, arrays }: Artefact): unknown {
  const encoded = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, encodeFloats(array)]));
  return { schema: 1, address, extent, ...encoded };
}

function encodeFloats({ shape, values }: NumberArray): { shape: readonly number[]; base64: string } {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return { shape, base64: bytes.toString('base64') };
}

function decodeFloats({ shape, base64 }: { shape: number[]; base64: string }): NumberArray {
  const bytes = Buffer.from(base64, 'base64');
  const size = shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== size * 4)
    throw new Error(`${bytes.length} bytes where shape [${shape.join(', ')}] needs ${size * 4}`);
  return { shape, values: Float32Array.from({ length: size }, (_, i) => bytes.readFloatLE(i * 4)) };
}

function readFigures(directory: string): Map<string, string> {
  const figures = new Map<string, string>();
  if (!existsSync(directory)) return figures;
  for (const file of readdirSync(directory).sort()) {
    if (file.endsWith('.svg')) figures.set(file.slice(0, -'.svg'.length), readFileSync(join(directory, file), 'utf8'));
  }
  return figures;
}
