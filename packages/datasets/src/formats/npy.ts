import { DataFileError } from '../errors.ts';
import type { StoredFile } from '../storage/storage.ts';
import { readNpyHeader, type NpyHeader } from './npyHeader.ts';
import { PIECE, type Table } from './table.ts';

/** The platform's own byte order, in which typed arrays see numbers. */
const LITTLE_ENDIAN_HOST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** What of a header says where the numbers are. */
type Layout = Omit<NpyHeader, 'descr'>;

/** A matrix in an npy file: C or Fortran order, any byte order, integers and floating-point numbers. The file stays the caller's. */
export async function npyTable(file: StoredFile): Promise<Table> {
  const header = await readNpyHeader(file);
  const { shape } = header;
  if (shape.length !== 2 || shape[0]! < 1 || shape[1]! < 1) {
    throw new DataFileError(
      'columns',
      file.path,
      `an array of shape (${shape.join(', ')}) instead of rows and columns`,
      'save a matrix that is not empty',
    );
  }
  return arrayTable(file, header);
}

/** A matrix of known type and place in a file. @internal */
export function arrayTable(file: StoredFile, header: Layout): Table {
  const [rows, columns] = header.shape as [number, number];
  const take = header.fortranOrder ? takeColumns : takeRows;
  const piece = header.fortranOrder ? columnPiece : rowPiece;
  return {
    path: file.path,
    rows,
    columns,
    take: (indices) => take(file, header, indices),
    async *pass(first = 0, end = rows) {
      const step = Math.max(1, Math.floor(PIECE / columns));
      for (let row = first; row < end; row += step) yield await piece(file, header, row, Math.min(step, end - row));
    },
  };
}

async function rowPiece(file: StoredFile, header: Layout, first: number, count: number): Promise<Float64Array> {
  const { type, offset, shape } = header;
  const columns = shape[1]!;
  return decode(await file.read(offset + first * columns * type.bytes, count * columns * type.bytes), header);
}

async function takeRows(file: StoredFile, header: Layout, rows: Int32Array): Promise<Float64Array> {
  const { type, offset, shape } = header;
  const length = shape[1]! * type.bytes;
  const bytes = new Uint8Array(rows.length * length);
  await file.gather(
    Float64Array.from(rows, (row) => offset + row * length),
    length,
    bytes,
  );
  return decode(bytes, header);
}

/** In Fortran order a column is contiguous. */
async function columnPiece(file: StoredFile, header: Layout, first: number, count: number): Promise<Float64Array> {
  const { type, offset, shape } = header;
  const [rows, columns] = shape as [number, number];
  const piece = new Float64Array(count * columns);
  for (let j = 0; j < columns; j++) {
    const bytes = await file.read(offset + (j * rows + first) * type.bytes, count * type.bytes);
    decode(bytes, header).forEach((value, i) => (piece[i * columns + j] = value));
  }
  return piece;
}

async function takeColumns(file: StoredFile, header: Layout, indices: Int32Array): Promise<Float64Array> {
  const { type, offset, shape } = header;
  const [rows, columns] = shape as [number, number];
  const positions = new Float64Array(indices.length * columns);
  indices.forEach((row, i) => {
    for (let j = 0; j < columns; j++) positions[i * columns + j] = offset + (j * rows + row) * type.bytes;
  });
  const bytes = new Uint8Array(positions.length * type.bytes);
  await file.gather(positions, type.bytes, bytes);
  return decode(bytes, header);
}

/** Bytes as numbers. @internal */
export function decode(bytes: Uint8Array, { type, littleEndian }: Pick<Layout, 'type' | 'littleEndian'>): Float64Array {
  const count = bytes.byteLength / type.bytes;
  const isAligned = bytes.byteOffset % type.bytes === 0;
  if (type.array && isAligned && (type.bytes === 1 || littleEndian === LITTLE_ENDIAN_HOST)) {
    const values = new type.array(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
    return values instanceof Float64Array ? values : Float64Array.from(values);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: count }, (_, i) => type.get(view, i * type.bytes, littleEndian));
}
