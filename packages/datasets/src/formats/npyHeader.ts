import { DataFileError } from '../errors.ts';
import type { StoredFile } from '../storage/storage.ts';
import { npyTypes, type NpyType } from './npyTypes.ts';

/** What stands before the numbers of an npy file. */
export interface NpyHeader {
  readonly type: NpyType;
  /** As in the file, such as '<f8'. */
  readonly descr: string;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the numbers begin, in bytes. */
  readonly offset: number;
}

const MAGIC = '\x93NUMPY';

/** Python pickles of protocol 2 and later begin with this byte, then the protocol. */
const isPickle = (bytes: Uint8Array): boolean => bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5;

/** Reads and checks the header of an npy file, versions 1 to 3 (numpy.lib.format). */
export async function readNpyHeader(file: StoredFile): Promise<NpyHeader> {
  const start = await file.read(0, 12);
  if (isPickle(start)) throw pickleError(file.path);
  if (String.fromCharCode(...start.subarray(0, 6)) !== MAGIC)
    throw corrupt(file, 'byte 0: it does not begin as npy files do');
  const version = start[6]!;
  if (version < 1 || version > 3) throw corrupt(file, `byte 6: version ${version} of the npy format is not known`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const prefix = version === 1 ? 10 : 12;
  if (start.length < prefix) throw truncated(file, prefix);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const offset = prefix + length;
  if (file.size < offset) throw truncated(file, offset);
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(await file.read(prefix, length));
  const descr = /'descr': *'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order': *(True|False)/.exec(text)?.[1];
  const shape = /'shape': *\(([\d, ]*)\)/.exec(text)?.[1];
  if (fortran === undefined || shape === undefined || (descr === undefined && !text.includes("'descr'"))) {
    throw corrupt(file, `byte ${prefix}: no description of an array but '${text.trim().slice(0, 60)}'`);
  }
  if (descr?.endsWith('O')) throw pickleError(file.path);
  const type = npyTypes[descr?.slice(1) ?? ''];
  if (!type || !'<>|'.includes(descr![0]!)) {
    throw new DataFileError(
      'unsupported',
      file.path,
      `byte ${prefix}: elements of type ${descr ?? 'structure'} are not numbers that can be read here`,
      `save it as float64 (array.astype('<f8'))`,
    );
  }
  const header = {
    type,
    descr: descr!,
    littleEndian: descr![0] !== '>',
    fortranOrder: fortran === 'True',
    shape: shape
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number),
    offset,
  };
  const end = offset + header.shape.reduce((product, n) => product * n, 1) * type.bytes;
  if (file.size < end) throw truncated(file, end);
  if (file.size > end) throw corrupt(file, `byte ${end}: the array ends here, but ${file.size - end} bytes follow`);
  return header;
}

/** The header of a C-ordered array, version 1, padded as numpy does so that the numbers begin at a multiple of 64 bytes. */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dimensions}), }`;
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(total).fill(0x20);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, total - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[total - 1] = 0x0a;
  return bytes;
}

/** How to make an npy file of a pickled table. */
const CONVERSION = `python -c "import numpy, pandas, sys; numpy.save(sys.argv[2], pandas.read_pickle(sys.argv[1]).to_numpy('<f8'))" FILE.pickle FILE.npy`;

/** @param conversion - The command that makes a file which is accepted. @internal */
export function pickleError(path: string, conversion = CONVERSION): DataFileError {
  return new DataFileError(
    'pickle',
    path,
    'it is a Python pickle, which is a program that only Python can run',
    `make an npy file of it: ${conversion}`,
  );
}

function corrupt({ path }: StoredFile, what: string): DataFileError {
  return new DataFileError('corrupt', path, what, 'get the file again');
}

function truncated({ path, size }: StoredFile, expected: number): DataFileError {
  return new DataFileError(
    'truncated',
    path,
    `it ends at byte ${size} of ${expected}`,
    'it was not fetched to its end: get it again',
  );
}
