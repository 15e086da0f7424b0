import { download, type OnProgress } from '../fetch/download.ts';
import type { DatasetDefinition, Download } from '../sets/definition.ts';
import { using, type DataStorage } from '../storage/storage.ts';
import { extractMembers } from './extract.ts';

/** Fetches what a data set needs and does not have, the archive's members included. Every file appears whole and checked, or not at all. */
export async function fetchDataset(
  { downloads }: DatasetDefinition,
  storage: DataStorage,
  onProgress: (file: Download, ...progress: Parameters<OnProgress>) => void = () => undefined,
): Promise<readonly string[]> {
  const fetched: string[] = [];
  for (const file of downloads) {
    const places = (file.members ?? [file]).map(({ path }) => path);
    if ((await Promise.all(places.map((path) => exists(storage, path)))).every(Boolean)) continue;
    const part = await download(file, storage, (...progress) => onProgress(file, ...progress));
    if (file.members) {
      await using((await storage.open(part))!, (archive) => extractMembers(archive, file.members!, storage));
      await storage.remove(part);
    } else {
      await storage.rename(part, file.path);
    }
    fetched.push(...places.map((path) => storage.describe(path)));
  }
  return fetched;
}

async function exists(storage: DataStorage, path: string): Promise<boolean> {
  const file = await storage.open(path);
  await file?.close();
  return file !== undefined;
}
