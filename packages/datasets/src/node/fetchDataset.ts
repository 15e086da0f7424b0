import { download, type OnProgress } from '../fetch/download.ts';
import type { DatasetDefinition, Download, Member } from '../sets/definition.ts';
import { lookFor } from '../sets/findFiles.ts';
import { removeLeftovers, using, type DataStorage } from '../storage/storage.ts';
import { extractMembers } from './extract.ts';
import { proxiedFetch } from './proxy.ts';

/**
 * Fetches what a data set needs and does not have, the archive's members included. Every file appears whole and checked, or not at all.
 * Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
 *
 * @returns the paths of what was fetched
 * @throws {DownloadError} when the server or the network refuses; what came stays for the next try.
 * @throws {DataFileError} when the bytes are not those of the checksum, or cannot be unpacked or written.
 * @throws {DatasetError} when one of these variables is not the address of a proxy.
 * @example
 * ```ts no-run
 * import { realDataset } from '@sparseflow/datasets';
 * import { fetchDataset, fileStorage } from '@sparseflow/datasets/node';
 *
 * const fetched = await fetchDataset(realDataset('miniboone'), fileStorage('data'));
 * console.log(fetched.length); // 1; the next time 0
 * ```
 */
export async function fetchDataset(
  definition: DatasetDefinition,
  storage: DataStorage,
  onProgress: (file: Download, ...progress: Parameters<OnProgress>) => void = () => undefined,
): Promise<readonly string[]> {
  const fetched: string[] = [];
  for (const { file } of await missingDownloads([definition], storage)) {
    await fetchFile(file, storage, (...progress) => onProgress(file, ...progress));
    fetched.push(...placesOf(file).map(({ path }) => storage.describe(path)));
  }
  return fetched;
}

/** A file to be fetched, and the names of the data sets that need it. */
export interface NeededDownload {
  readonly file: Download;
  readonly names: readonly string[];
}

/** What data sets need and do not have: of an archive for several the members of all, so that it is fetched and read once. */
export async function missingDownloads(
  definitions: readonly DatasetDefinition[],
  storage: DataStorage,
): Promise<readonly NeededDownload[]> {
  const needed = new Map<string, NeededDownload>();
  for (const definition of definitions) {
    // The files may also lie there otherwise than they are published, unpacked or converted.
    const found = await lookFor(definition, storage);
    if (found && found.form === definition.forms[0]) continue;
    for (const file of definition.downloads) {
      const there = await Promise.all(placesOf(file).map(({ path }) => exists(storage, path)));
      if (there.every(Boolean)) continue;
      const members = file.members?.filter((_, i) => !there[i]);
      const other = needed.get(file.url);
      needed.set(file.url, {
        file: { ...file, ...(members && { members: [...(other?.file.members ?? []), ...members] }) },
        names: [...(other?.names ?? []), definition.name],
      });
    }
  }
  return [...needed.values()];
}

/** Fetches a file and, of an archive, takes its members out and removes it. */
export async function fetchFile(file: Download, storage: DataStorage, onProgress: OnProgress): Promise<void> {
  const part = await download(file, storage, onProgress, await proxiedFetch());
  if (!file.members) {
    await storage.rename(part, file.path);
    return;
  }
  for (const folder of new Set(file.members.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))) {
    await removeLeftovers(storage, folder);
  }
  await using((await storage.open(part))!, (archive) => extractMembers(archive, file.members!, storage));
  await storage.remove(part);
}

/** What a download puts into a data directory. */
export function placesOf(file: Download): readonly Pick<Member, 'path'>[] {
  return file.members ?? [file];
}

async function exists(storage: DataStorage, path: string): Promise<boolean> {
  const file = await storage.open(path);
  await file?.close();
  return file !== undefined;
}
