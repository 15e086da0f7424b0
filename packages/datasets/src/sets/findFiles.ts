import { DataFileError } from '../errors.ts';
import type { DataStorage, StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition, Download, Form } from './definition.ts';

/** A form of a data set whose files are all there, opened; the caller closes them. */
export interface FoundForm {
  readonly form: Form;
  readonly files: readonly FoundFile[];
}

export interface FoundFile {
  readonly file: StoredFile;
  readonly gzipped: boolean;
}

/** The best form that is whole in a place, with the paths of its files as messages show them; nothing stays open. */
export async function lookFor(
  definition: DatasetDefinition,
  place: DataStorage,
): Promise<{ readonly form: Form; readonly paths: readonly string[] } | undefined> {
  const found = await findForm(definition, [place]);
  if (!found) return undefined;
  await Promise.all(found.files.map(({ file }) => file.close()));
  return { form: found.form, paths: found.files.map(({ file }) => file.path) };
}

/** The best form that is whole in one of the places. */
export async function findForm(
  definition: DatasetDefinition,
  places: readonly DataStorage[],
): Promise<FoundForm | undefined> {
  for (const form of definition.forms) {
    for (const storage of places) {
      const files = await openAll(storage, form.files);
      if (files) return { form, files };
    }
  }
  return undefined;
}

async function openAll(storage: DataStorage, paths: readonly string[]): Promise<FoundFile[] | undefined> {
  const files: FoundFile[] = [];
  for (const path of paths) {
    const plain = await storage.open(path);
    const file = plain ?? (await storage.open(`${path}.gz`));
    if (!file) {
      await Promise.all(files.map((found) => found.file.close()));
      return undefined;
    }
    files.push({ file, gzipped: plain === undefined });
  }
  return files;
}

/** What to do about a data set whose files are nowhere, in one line. */
export function missing(definition: DatasetDefinition, places: readonly DataStorage[]): DataFileError {
  const { name, forms, downloads } = definition;
  const folder = places[0]!;
  const sources = downloads.map((download) => describeDownload(download, folder));
  return new DataFileError(
    'missing',
    folder.describe(forms[0]!.files[0]!),
    `the ${name} data are not there`,
    `run 'pnpm datasets fetch ${name}', or get ${sources.join('; and ')}`,
  );
}

/** Which file, from where, its checksum, and where to put it. */
export function describeDownload({ url, checksum, path, members }: Download, folder: DataStorage): string {
  const sum = `${checksum.algorithm} ${checksum.hex}`;
  return members
    ? `${url} (${sum}) and unpack ${members
        .map((member) => `${member.name} of it to ${folder.describe(member.path)}`)
        .join(', ')}`
    : `${url} (${sum}) and put it at ${folder.describe(path)}`;
}
