import { DataFileError } from '../errors.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { NpyHeader } from './npyHeader.ts';
import { npyTypes } from './npyTypes.ts';

/** The types of IDX files by their third byte (LeCun, Cortes and Burges); numbers are big-endian. */
const TYPES: Readonly<Record<number, string>> = { 8: 'u1', 9: 'i1', 11: 'i2', 12: 'i4', 13: 'f4', 14: 'f8' };

/**
 * Where the numbers of an IDX file are.
 *
 * @throws {DataFileError} when it does not begin as such a file, or is shorter or longer than its header says.
 */
export async function readIdxHeader(file: StoredFile): Promise<Omit<NpyHeader, 'descr'>> {
  const bytes = await file.read(0, 4 + 4 * 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = npyTypes[TYPES[bytes[2] ?? 0] ?? ''];
  const dimensions = bytes[3] ?? 0;
  if (bytes[0] !== 0 || bytes[1] !== 0 || !type || dimensions < 1 || dimensions > 8) {
    throw new DataFileError(
      'corrupt',
      file.path,
      'byte 0: it does not begin as IDX files do',
      'get the file again; if it is compressed, its name must end with .gz',
    );
  }
  const offset = 4 + 4 * dimensions;
  if (bytes.length < offset) throw wrongSize(file, offset);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const end = offset + shape.reduce((product, n) => product * n, 1) * type.bytes;
  if (file.size !== end) throw wrongSize(file, end);
  return { type, littleEndian: false, fortranOrder: false, shape, offset };
}

function wrongSize({ path, size }: StoredFile, expected: number): DataFileError {
  return new DataFileError(
    size < expected ? 'truncated' : 'corrupt',
    path,
    `it ends at byte ${size} instead of ${expected}`,
    'get the file again',
  );
}
