import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { writeWhole, type DataStorage } from '../storage/storage.ts';
import { damaged, jsonBytes, readJson } from './json.ts';

const sums = v.record(v.string(), v.string());
const checksumsSchema = v.object({ sources: sums, files: sums });

/** SHA-256 of the files that a preparation read, by their paths in messages, and of those that it made, by their names in its folder. */
export type Checksums = v.InferOutput<typeof checksumsSchema>;

const CHECKSUMS = 'checksums.json';

/** Writes a file as a whole. @returns the SHA-256 of what was to be written, whatever the disk makes of it */
export async function writeSummed(
  storage: DataStorage,
  path: string,
  write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<string> {
  const hash = sha256.create();
  await writeWhole(storage, path, (append) =>
    write((bytes) => {
      hash.update(bytes);
      return append(bytes);
    }),
  );
  return bytesToHex(hash.digest());
}

export async function writeChecksums(storage: DataStorage, folder: string, checksums: Checksums): Promise<void> {
  await writeWhole(storage, `${folder}/${CHECKSUMS}`, (append) => append(jsonBytes(checksums)));
}

/** @throws {DataFileError} when they are missing or damaged */
export async function readChecksums(storage: DataStorage, folder: string): Promise<Checksums> {
  const path = `${folder}/${CHECKSUMS}`;
  const found = await readJson(storage, path, checksumsSchema);
  if (!found) throw damaged(storage.describe(path), 'it is missing');
  return found;
}
