import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { DataFileError } from '../errors.ts';
import { gunzip } from '../formats/gzip.ts';
import { writeWhole, type DataStorage, type StoredFile } from '../storage/storage.ts';

/** Takes members out of a .tar.gz, each as a whole, as a stream. Members are named by the end of their path in the archive. */
export async function extractMembers(
  archive: StoredFile,
  members: Readonly<Record<string, string>>,
  storage: DataStorage,
): Promise<void> {
  const missing = new Set(Object.keys(members));
  const entries = extract();
  const unpacking = pipeline(Readable.from(gunzip(archive)), entries);
  const taking = (async () => {
    for await (const entry of entries) {
      const name = [...missing].find((member) => `/${entry.header.name}`.endsWith(`/${member}`));
      if (name === undefined) {
        entry.resume();
        continue;
      }
      await writeWhole(storage, members[name]!, async (append) => {
        for await (const bytes of entry) await append(bytes as Uint8Array);
      });
      missing.delete(name);
    }
  })();
  try {
    await Promise.all([unpacking, taking]);
  } catch (cause) {
    entries.destroy();
    await Promise.allSettled([unpacking, taking]);
    if (cause instanceof DataFileError) throw cause;
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
      `it has no ${[...missing].join(', ')}`,
      'get the archive that is meant',
    );
  }
}
