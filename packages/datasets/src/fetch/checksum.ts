import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { gunzip } from '../formats/gzip.ts';
import type { Checksum } from '../sets/definition.ts';
import { bytesOf, type StoredFile } from '../storage/storage.ts';

/** The checksum in hexadecimal digits of a file, or of what a gzip file holds, which is the same whatever packed it. */
export async function checksumOf(
  file: StoredFile,
  algorithm: Checksum['algorithm'],
  of: 'file' | 'contents' = 'file',
): Promise<string> {
  const contents = (): AsyncIterable<Uint8Array> => (of === 'file' ? bytesOf(file) : gunzip(file));
  const hash = { md5, sha256, 'git-blob': sha1 }[algorithm].create();
  // Git hashes its kind of object and the length first.
  if (algorithm === 'git-blob') {
    const length = of === 'file' ? file.size : await lengthOf(contents());
    hash.update(new TextEncoder().encode(`blob ${length}\0`));
  }
  for await (const bytes of contents()) hash.update(bytes);
  return bytesToHex(hash.digest());
}

async function lengthOf(contents: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const bytes of contents) length += bytes.length;
  return length;
}
