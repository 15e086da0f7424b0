import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import type { PointConfig } from '../plan.ts';
import { contentAddress } from './canonicalJson.ts';
import type { Point } from './schema.ts';
import { artefactFileSchema, pointFileSchema } from './schema.ts';

/** A finished point with what decided its numbers. */
export interface StoredPoint {
  readonly config: PointConfig;
  readonly point: Point;
}

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

/** Writes a file aside and renames it, so that it is never half there; makes its folder. */
export function writeWhole(path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileAtomic.sync(path, typeof data === 'string' ? data : Buffer.from(data));
  } catch (error) {
    // The system names the file when it cannot be opened, not when it cannot be written.
    throw Object.assign(error as Error, { path });
  }
}

/** The same, as JSON. */
export function writeJson(path: string, value: unknown): void {
  writeWhole(path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Reads and checks a JSON file.
 *
 * @throws Error that says what is wrong with it.
 */
function parseFile<S extends v.GenericSchema>(schema: S, path: string): v.InferOutput<S> {
  return checkValue(schema, parseJson(readFileSync(path, 'utf8')));
}

/**
 * Parses JSON.
 *
 * @throws Error in one line.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`, { cause: error });
  }
}

/**
 * Checks a value.
 *
 * @throws Error that says what is wrong with it, and where.
 */
export function checkValue<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  throw new Error(`${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

/**
 * Reads a point's file.
 *
 * @throws Error when it cannot be read or belongs to another point.
 */
export function readPoint(path: string, address: string): StoredPoint {
  const { config, point } = parseFile(pointFileSchema, path);
  if (contentAddress(config) !== address || point.address !== address)
    throw new Error('its configuration does not belong to its name');
  return { config: config as unknown as PointConfig, point };
}

/** Reads what a point left for the figures; throws as `readPoint` does. */
export function readArtefact(path: string, address: string): Artefact {
  const { schema: _schema, address: owner, extent, ...arrays } = parseFile(artefactFileSchema, path);
  if (owner !== address) throw new Error('it belongs to another point');
  return {
    extent,
    arrays: Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, decodeFloats(array)])),
  };
}

/** The form in which it is stored. */
export function encodeArtefact(address: string, { extent, arrays }: Artefact): unknown {
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
