import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { arbitrary, asFloat32, npy, put } from '../../test/files.ts';
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
