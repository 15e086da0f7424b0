import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { npyHeader } from '../src/formats/npyHeader.ts';
import type { StoredFile } from '../src/storage/storage.ts';

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

/** A file in memory. */
export function bytesFile(path: string, bytes: Uint8Array): StoredFile {
  const copy = (from: number, length: number) => Uint8Array.from(bytes.subarray(from, from + length));
  return {
    path,
    size: bytes.length,
    modified: 0,
    read: async (position, length) => copy(position, length),
    async gather(positions, length, into) {
      for (let i = 0; i < positions.length; i++) into.set(copy(positions[i]!, length), i * length);
    },
    close: async () => undefined,
  };
}

/** All numbers of all pieces. */
export async function collect(pieces: AsyncIterable<ArrayLike<number>>): Promise<number[]> {
  const all: number[] = [];
  for await (const piece of pieces) all.push(...Array.from(piece));
  return all;
}

/** All files below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
