import { DataFileError } from '../errors.ts';
import { checksumOf } from '../fetch/checksum.ts';
import type { Checksum, DatasetDefinition } from './definition.ts';
import type { FoundForm } from './findFiles.ts';

/** How the files of a data set compare with their published checksums. */
export interface Comparison {
  /** Files with a published checksum. */
  readonly compared: number;
  /** Of the first whose checksum is another one. */
  readonly wrong?: DataFileError;
}

/**
 * Compares what files hold with their published checksums, as far as there are any.
 *
 * @throws {DataFileError} for a file that cannot be read or unpacked.
 */
export async function comparePublished(definition: DatasetDefinition, { form, files }: FoundForm): Promise<Comparison> {
  let compared = 0;
  for (const [i, { file, gzipped }] of files.entries()) {
    const checksum = publishedChecksum(definition, form.files[i]!);
    if (!checksum) continue;
    const { algorithm, hex } = checksum;
    const sum = await checksumOf(file, algorithm, gzipped ? 'contents' : 'file');
    compared++;
    if (sum === hex) continue;
    const what = `its ${algorithm} is ${sum} instead of ${hex}`;
    const remedy = 'it is damaged or another file: remove it and fetch it again';
    return { compared, wrong: new DataFileError('checksum', file.path, what, remedy) };
  }
  return { compared };
}

/** Of the file that a form lists, unpacked. */
function publishedChecksum({ downloads }: DatasetDefinition, path: string): Checksum | undefined {
  for (const download of downloads) {
    const member = download.members?.find((candidate) => candidate.path === path);
    if (member) return member.checksum;
    if (download.path === path) return download.checksum;
    if (download.path === `${path}.gz`) return download.unpacked;
  }
  return undefined;
}
