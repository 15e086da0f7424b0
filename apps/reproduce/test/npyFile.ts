import { key, normal } from '@sparseflow/tensor';

/** An npy file of normal rows in float64, of mean 3 and standard deviation 2. */
export function npyFile(rows: number, columns: number): Buffer {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`.padEnd(117) + '\n';
  const values = Float64Array.from(normal(key(1), rows * columns), (value) => 3 + 2 * value);
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
    Buffer.from(header),
    Buffer.from(values.buffer),
  ]);
}
