import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Checksum } from '../sets/definition.ts';
import { bytesOf, type StoredFile } from '../storage/storage.ts';

/** The checksum of a file, or of other bytes that it holds, in hexadecimal digits. */
export async function checksumOf(
  file: StoredFile,
  algorithm: Checksum['algorithm'],
  contents: AsyncIterable<Uint8Array> = bytesOf(file),
): Promise<string> {
  const hash = { md5, sha256, 'git-blob': sha1 }[algorithm].create();
  // Git hashes its kind of object and the length first.
  if (algorithm === 'git-blob') hash.update(new TextEncoder().encode(`blob ${file.size}\0`));
  for await (const bytes of contents) hash.update(bytes);
  return bytesToHex(hash.digest());
}
