import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { DataFileError } from '../errors.ts';
import { gunzip } from '../formats/gzip.ts';
import type { Member } from '../sets/definition.ts';
import { writeWhole, type DataStorage, type StoredFile } from '../storage/storage.ts';

/** Takes members out of a .tar.gz in one pass, each as a whole, as a stream. */
export async function extractMembers(
  archive: StoredFile,
  members: readonly Member[],
  storage: DataStorage,
): Promise<void> {
  const missing = new Set(members);
  const entries = extract();
  const unpacking = pipeline(Readable.from(gunzip(archive)), entries);
  const taking = (async () => {
    for await (const entry of entries) {
      const member = [...missing].find(({ name }) => `/${entry.header.name}`.endsWith(`/${name}`));
      if (!member) {
        entry.resume();
        continue;
      }
      await writeWhole(storage, member.path, async (append) => {
        for await (const bytes of entry) await append(bytes as Uint8Array);
      });
      missing.delete(member);
    }
  })();
  try {
    await Promise.all([unpacking, taking]);
  } catch (cause) {
    entries.destroy();
    // Each ends the other: what was wrong with a file is the reason, not that a stream closed early.
    for (const end of await Promise.allSettled([unpacking, taking])) {
      if (end.status === 'rejected' && end.reason instanceof DataFileError) throw end.reason;
    }
    throw new DataFileError(
      'corrupt',
      archive.path,
      `it cannot be unpacked (${(cause as Error).message})`,
      'get it again',
      { cause },
    );
  }
  if (missing.size > 0) {
    throw new DataFileError(
      'corrupt',
      archive.path,
      `it has no ${[...missing].map(({ name }) => name).join(', ')}`,
      'get the archive that is meant',
    );
  }
}
