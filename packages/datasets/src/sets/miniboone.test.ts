import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { arbitrary, asFloat32, filesIn, npy, put } from '../../test/files.ts';
import { gaussianLogLikelihood } from '../../test/gaussianFit.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { loadDataset } from '../node/index.ts';
import { readRows } from '../rows/rows.ts';

const rowsOfFeatures = (count: number): number[][] =>
  Array.from({ length: count }, (_, i) => Array.from({ length: 43 }, (_, j) => j + (1 + j) * arbitrary(43 * i + j)));

test('an excerpt is split, normalised by train and validation, and marked', async () => {
  const dataDir = temporaryFolder();
  const raw = rowsOfFeatures(120);
  put(dataDir, 'miniboone/data.npy', npy(raw));
  const data = await loadDataset('miniboone', { dataDir, cacheDir: temporaryFolder() });
  expect([data.train.count, data.validation.count, data.test.count]).toEqual([98, 10, 12]);
  expect(data).toMatchObject({ comparable: false, reason: 'an excerpt of 120 of 36,488 rows' });
  const column = raw.slice(0, 108).map((row) => row[5]!);
  const mean = column.reduce((sum, x) => sum + x, 0) / 108;
  const std = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 108);
  const { points } = await readRows(data.test, key(0));
  expect(points[5]).toBeCloseTo((raw[108]![5]! - mean) / std, 5);
  await data.close();
});

test('eleven rows have one in each split; of ten nothing is kept', async () => {
  const load = (rows: number, cacheDir: string) => {
    const dataDir = temporaryFolder();
    put(dataDir, 'miniboone/data.npy', npy(rowsOfFeatures(rows)));
    return loadDataset('miniboone', { dataDir, cacheDir });
  };
  const { train, validation, test: testRows, close } = await load(11, temporaryFolder());
  expect([train.count, validation.count, testRows.count]).toEqual([9, 1, 1]);
  await close();
  const cacheDir = temporaryFolder();
  const error = await load(10, cacheDir).catch((e: unknown) => e);
  expect(error).toMatchObject({
    problem: 'rows',
    path: expect.stringMatching(/miniboone\/data\.npy$/),
    what: 'it has 10 of the 11 rows that it takes for no split to be empty',
    remedy: 'give a file with more rows',
  });
  expect(filesIn(cacheDir)).toEqual([]);
});

// Rows 0 to 97 of 120 are for training, those from 108 on for testing; column 0 deviates by less than 1/2.
test.each([
  ['whose square overflows, for training', 7, 1e200, '1e+200 is beyond the range of float32'],
  ['beyond float32, for testing', 115, -1e60, '-1e+60 is beyond the range of float32'],
  [
    'beyond float32 once it is normalised',
    119,
    3e38,
    /3e\+38 is \S+e\+(38|39) standard deviations from the mean, beyond/,
  ],
])('a number %s is named, and nothing is kept of its file', async (_what, row, value, message) => {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  put(dataDir, 'miniboone/data.npy', npy(rowsOfFeatures(120).map((x, i) => (i === row ? x.with(0, value) : x))));
  const error = await loadDataset('miniboone', { dataDir, cacheDir }).catch((e: unknown) => e);
  expect(error).toMatchObject({
    problem: 'values',
    path: expect.stringMatching(/miniboone\/data\.npy$/),
    remedy: 'correct the row or remove it, or get the file again',
  });
  expect((error as Error).message).toContain(`data.npy: row ${row}, column 0 (from 0): `);
  expect((error as Error).message).toMatch(message);
  expect(filesIn(cacheDir)).toEqual([]);
});

testOnRealData('numpy’s means, deviations, rows and Gaussian', async (dataDir, golden) => {
  const expected = golden('miniboone');
  const data = await loadDataset('miniboone', { dataDir, cacheDir: temporaryFolder() });
  expect([data.train.count, data.validation.count, data.test.count]).toEqual(expected.rows);
  expect([...data.scaling!.mean]).toEqual(expected.mu);
  expect([...data.scaling!.std]).toEqual(expected.sigma);
  const train = await readRows(data.train, key(0));
  const testRows = await readRows(data.test, key(0));
  expect(train.points.slice(0, 43)).toEqual(asFloat32(expected.train_first));
  expect(testRows.points.slice(-43)).toEqual(asFloat32(expected.test_last));
  const found = await gaussianLogLikelihood(data.train, data.test);
  expect(Math.abs(found - expected.gaussian_test_ll)).toBeLessThan(1e-3);
  await data.close();
});
