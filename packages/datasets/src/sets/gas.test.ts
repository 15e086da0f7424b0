import { expect, test } from 'vitest';
import { expectSplits, preparedFixture } from '../../test/expectSplits.ts';
import { npy, put } from '../../test/files.ts';
import { gaussianLogLikelihood } from '../../test/gaussianFit.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { loadDataset } from '../node/index.ts';

const expected = preparedFixture('gas');
const load = (dataDir: string) => loadDataset('gas', { dataDir, cacheDir: temporaryFolder() });

test('correlated columns are dropped, the rest normalised as numpy does it', async () => {
  const dataDir = temporaryFolder();
  put(dataDir, 'gas/ethylene_CO.npy', npy(expected.raw));
  const data = await load(dataDir);
  await expectSplits(data, expected);
  expect(data.reason).toBe('an excerpt of 60 of 1,052,065 rows');
  await data.close();
});

test('a file whose columns were dropped before gives the same', async () => {
  const dataDir = temporaryFolder();
  put(dataDir, 'gas/ethylene_CO.npy', npy(expected.raw.map((row) => expected.kept.map((j) => row[j]!))));
  const data = await load(dataDir);
  await expectSplits(data, expected);
  await data.close();
});

test('a file with other columns is refused', async () => {
  const dataDir = temporaryFolder();
  put(dataDir, 'gas/ethylene_CO.npy', npy(expected.raw.map((row) => row.slice(0, 5))));
  await expect(load(dataDir)).rejects.toThrow(/\d of its 5 columns are left instead of 8\. To fix: make it again/);
});

test('ten rows are refused', async () => {
  const dataDir = temporaryFolder();
  put(dataDir, 'gas/ethylene_CO.npy', npy(expected.raw.slice(0, 10)));
  await expect(load(dataDir)).rejects.toThrow(/ethylene_CO\.npy: it has 10 of the 11 rows/);
});

test('the archive’s pickle is refused, with the command that makes a file of it', async () => {
  const dataDir = temporaryFolder();
  put(dataDir, 'gas/ethylene_CO.pickle', Buffer.of(0x80, 4));
  const error = await load(dataDir).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', problem: 'pickle' });
  expect((error as Error).message.replace(dataDir, '')).toMatchInlineSnapshot(
    `"/gas/ethylene_CO.pickle: it is a Python pickle, which is a program that only Python can run. To fix: make an npy file of it: python -c "import numpy, pandas; numpy.save('ethylene_CO.npy', pandas.read_pickle('ethylene_CO.pickle').drop(columns=['Meth', 'Eth', 'Time']).to_numpy('<f8'))"."`,
  );
});

testOnRealData('sensors of another set stand in for GAS, and say so', async (dataDir) => {
  const data = await load(dataDir);
  // The complete rows of eight sensors, none of which is correlated above .98.
  expect([data.train.count + data.validation.count + data.test.count, data.dim]).toEqual([8991, 8]);
  expect(data).toMatchObject({
    comparable: false,
    reason: 'sensors of UCI Air Quality in place of GAS, another data set',
  });
  // Far above independent standard normals, for which it would be -11.35.
  expect(await gaussianLogLikelihood(data.train, data.test)).toBeGreaterThan(-9);
  await data.close();
});
