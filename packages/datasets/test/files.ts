import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { npyHeader } from '../src/formats/npyHeader.ts';

/** Writes a file of a test, with its folders. */
export function put(folder: string, path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
}

/** An npy file of float64 rows. */
export function npy(rows: readonly (readonly number[])[]): Uint8Array {
  const values = Float64Array.from(rows.flat());
  return Buffer.concat([npyHeader('<f8', [rows.length, rows[0]!.length]), new Uint8Array(values.buffer)]);
}

/** Numbers without a pattern, the same on every machine. */
export function arbitrary(index: number): number {
  return ((index * 2654435761) % 4294967296) / 4294967296 - 0.5;
}

/** Numbers as they are after a trip through float32. */
export function asFloat32(values: readonly number[]): Float64Array {
  return Float64Array.from(Float32Array.from(values));
}
