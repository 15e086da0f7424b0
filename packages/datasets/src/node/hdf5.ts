import type { Dataset } from 'h5wasm/node';
import { DataFileError } from '../errors.ts';
import { PIECE, type Table } from '../formats/table.ts';
import type { Hdf5Reader } from '../sets/definition.ts';
import type { StoredFile } from '../storage/storage.ts';

/** The eight bytes that begin an HDF5 file. */
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** A matrix of an HDF5 file, read slice by slice with the HDF5 library (compiled to WebAssembly). */
export const readHdf5: Hdf5Reader = async (file, name) => {
  const start = await file.read(0, SIGNATURE.length);
  if (SIGNATURE.some((byte, i) => start[i] !== byte)) {
    throw corrupt(file, 'byte 0: it does not begin as HDF5 files do', 'get the file again; if it is packed, unpack it');
  }
  const shape = await inside(file, name, async ({ shape }) => shape);
  if (shape?.length !== 2 || shape.includes(0)) {
    const what = `'${name}' has shape (${shape?.join(', ')}) instead of rows and columns, at least one of each`;
    throw corrupt(file, what);
  }
  const [rows, columns] = shape as [number, number];
  const read = (first: number, end: number): Promise<Float64Array> =>
    inside(file, name, async (matrix) => {
      const values = matrix.slice([
        [first, end],
        [0, columns],
      ]) as ArrayLike<number>;
      return Float64Array.from(values);
    });
  const table: Table = {
    path: file.path,
    rows,
    columns,
    async *pass(first = 0, end = rows) {
      const step = Math.max(1, Math.floor(PIECE / columns));
      for (let row = first; row < end; row += step) yield await read(row, Math.min(row + step, end));
    },
    async take(indices) {
      const out = new Float64Array(indices.length * columns);
      for (const [i, row] of indices.entries()) out.set(await read(row, row + 1), i * columns);
      return out;
    },
  };
  return table;
};

/** Opens the file for one read: what is iterated may be left at any time. */
async function inside<T>(file: StoredFile, name: string, read: (matrix: Dataset) => Promise<T>): Promise<T> {
  const { Dataset: Matrix, File, ready } = await import('h5wasm/node');
  // Otherwise the library prints what it finds on standard error, and goes on.
  (await ready).activate_throwing_error_handler();
  let opened: InstanceType<typeof File> | undefined;
  try {
    opened = new File(file.location ?? file.path, 'r');
    const matrix = opened.keys().includes(name) ? opened.get(name) : undefined;
    if (!(matrix instanceof Matrix)) throw corrupt(file, `it has no data set '${name}'`);
    return await read(matrix);
  } catch (cause) {
    if (cause instanceof DataFileError) throw cause;
    const [reason] = String((cause as Error).message).split('\n');
    throw corrupt(file, `'${name}' cannot be read (${reason})`, 'get the file again', { cause });
  } finally {
    opened?.close();
  }
}

function corrupt({ path }: StoredFile, what: string, remedy = 'get the file again', options?: ErrorOptions) {
  return new DataFileError('corrupt', path, what, remedy, options);
}
