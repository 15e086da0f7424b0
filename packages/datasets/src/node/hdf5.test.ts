import { mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { key } from '@sparseflow/tensor';
import { File, ready } from 'h5wasm/node';
import { expect, test } from 'vitest';
import { arbitrary, put } from '../../test/files.ts';
import { temporaryFolder } from '../../test/realData.ts';
import { readRows } from '../rows/rows.ts';
import { loadDataset } from './index.ts';

const load = (dataDir: string) => loadDataset('bsds300', { dataDir, cacheDir: temporaryFolder() });
const values = (rows: number, columns = 63) => Float64Array.from({ length: rows * columns }, (_, k) => arbitrary(k));

async function archive(matrices: Readonly<Record<string, readonly [rows: number, columns: number]>>): Promise<string> {
  const dataDir = temporaryFolder();
  mkdirSync(join(dataDir, 'BSDS300'));
  await ready;
  const file = new File(join(dataDir, 'BSDS300/BSDS300.hdf5'), 'w');
  for (const [name, shape] of Object.entries(matrices)) {
    file.create_dataset({ name, data: values(...shape), shape: [...shape] });
  }
  file.close();
  return dataDir;
}

test('the archive’s HDF5 file is taken as it is', async () => {
  const data = await load(await archive({ train: [2500, 63], validation: [5, 63], test: [10, 63] }));
  expect([data.train.count, data.validation.count, data.test.count, data.dim]).toEqual([2500, 5, 10, 63]);
  expect(data).toMatchObject({ comparable: false, reason: 'an excerpt of 2500, 5, 10 rows' });
  expect((await readRows(data.train, key(0))).points).toEqual(Float64Array.from(Float32Array.from(values(2500))));
  expect(data.scaling).toBeUndefined();
  await data.close();
});

test('so it is gzipped, and what is wrong with it is said of the packed file', async () => {
  const pack = async (validation: readonly [number, number]): Promise<string> => {
    const dataDir = await archive({ train: [20, 63], validation, test: [10, 63] });
    const file = join(dataDir, 'BSDS300/BSDS300.hdf5');
    put(dataDir, 'BSDS300/BSDS300.hdf5.gz', gzipSync(readFileSync(file)));
    rmSync(file);
    return dataDir;
  };
  const data = await load(await pack([5, 63]));
  expect((await readRows(data.train, key(0))).points).toEqual(Float64Array.from(Float32Array.from(values(20))));
  await data.close();
  await expect(load(await pack([5, 62]))).rejects.toThrow(/BSDS300\.hdf5\.gz: 62 columns instead of 63/);
});

test('damaged files are named', async () => {
  await expect(load(await archive({ train: [20, 63] }))).rejects.toThrow(/BSDS300\.hdf5: .*'validation'/);
  const narrow = await archive({ train: [20, 62], validation: [5, 63], test: [5, 63] });
  await expect(load(narrow)).rejects.toThrow('62 columns instead of 63');
  const empty = await archive({ train: [20, 63], validation: [0, 63], test: [5, 63] });
  await expect(load(empty)).rejects.toThrow("'validation' has shape (0, 63) instead of rows and columns");
  const cut = await archive({ train: [2500, 63], validation: [5, 63], test: [10, 63] });
  truncateSync(join(cut, 'BSDS300/BSDS300.hdf5'), 100_000);
  const error = await load(cut).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', problem: 'corrupt' });
  const page = temporaryFolder();
  put(page, 'BSDS300/BSDS300.hdf5', '<html>');
  await expect(load(page)).rejects.toThrow('byte 0: it does not begin as HDF5 files do');
});
