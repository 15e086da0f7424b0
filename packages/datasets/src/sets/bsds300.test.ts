import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { preparedFixture } from '../../test/expectSplits.ts';
import { bytesFile, collect, filesIn, npy, put } from '../../test/files.ts';
import { gaussianLogLikelihood } from '../../test/gaussianFit.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { npyHeader } from '../formats/npyHeader.ts';
import { npyTable } from '../formats/npy.ts';
import type { Table } from '../formats/table.ts';
import { fileStorage, loadDataset } from '../node/index.ts';
import { columnMoments } from '../preparation/passes.ts';
import { readRows } from '../rows/rows.ts';
import { patchPieces } from './bsds300.ts';

const { raw, half_noise } = preparedFixture('bsds300');
const halves = (_first: number, count: number) => new Float64Array(64 * count).fill(0.5);
const patches = () => Buffer.concat([npyHeader('|u1', [raw.length, 64]), Uint8Array.from(raw.flat())]);

test('patches lose their mean and their last pixel, as numpy computes it', async () => {
  const found = await collect(patchPieces(await npyTable(bytesFile('p.npy', patches())), halves));
  const expected = half_noise.flat();
  // Half a step of noise makes all numbers multiples of 2^-15, so that every sum of a patch is exact in any order.
  expect(found).toEqual(expected);
});

test('patches in npy files are prepared with noise, the same each time', async () => {
  const dataDir = temporaryFolder();
  for (const split of ['train', 'validation', 'test']) put(dataDir, `bsds300/patches_u8_${split}.npy`, patches());
  const points: number[][] = [];
  for (let time = 0; time < 2; time++) {
    const data = await loadDataset('bsds300', { dataDir, cacheDir: temporaryFolder() });
    expect(data).toMatchObject({
      dim: 63,
      comparable: false,
      reason: 'patches cut elsewhere, not those of the published file',
    });
    for (const split of [data.train, data.test]) points.push([...(await readRows(split, key(0))).points]);
    await data.close();
  }
  const [train, testRows, again] = points;
  expect(again).toEqual(train);
  expect(testRows).not.toEqual(train);
  // Noise is uniform on [0, 1) / 256 before the mean is removed: from half a step it is at most a step away.
  train!.forEach((x, i) => expect(Math.abs(x - half_noise.flat()[i]!)).toBeLessThan(1 / 256));
});

test('patches that are no numbers in float32 are refused, and nothing is kept of those before them', async () => {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  for (const split of ['train', 'validation']) put(dataDir, `bsds300/patches_u8_${split}.npy`, patches());
  put(dataDir, 'bsds300/patches_u8_test.npy', npy(raw.map((patch, i) => (i === 1 ? patch.with(2, 1e60) : patch))));
  await expect(loadDataset('bsds300', { dataDir, cacheDir })).rejects.toThrow(
    'patches_u8_test.npy: row 1, column 2 (from 0): 1e+60 is beyond the range of float32',
  );
  expect(filesIn(cacheDir)).toEqual([]);
});

testOnRealData('BSDS300 patches as numpy prepares them, and their Gaussian', async (dataDir, golden) => {
  const numpy = golden('bsds300');
  const file = (await fileStorage(dataDir).open('bsds300/patches_u8_train.npy'))!;
  const table = await npyTable(file);
  const prepared: Table = { ...table, columns: 63, pass: () => patchPieces(table, halves) };
  const { mean, std } = await columnMoments(prepared, 0, table.rows, 0);
  // Patches are exact, and sums over them run from row to row, as numpy's.
  expect(Math.max(...mean.map(Math.abs))).toBe(numpy.mean_abs_max);
  expect([...std]).toEqual(numpy.std);
  const first = (await patchPieces(table, halves).next()).value as Float64Array;
  expect([...first.subarray(0, 63)]).toEqual(numpy.train_first);
  await file.close();

  const data = await loadDataset('bsds300', { dataDir, cacheDir: temporaryFolder() });
  expect([data.train.count, data.validation.count, data.test.count]).toEqual(numpy.rows);
  // Numpy finds 96.16 on the same patches with its own noise, which no draw here repeats. Of a direction in which the noise is the share f of
  // the variance it adds at most f²/2 + f (1 - f) ≤ 1/2 to a patch's variance: 63 directions spread by 5.6, of which 50,000 patches leave
  // .025, the difference of two draws .036. Five times that, and the last digit of 96.16, are .19.
  expect(Math.abs((await gaussianLogLikelihood(data.train, data.test)) - 96.16)).toBeLessThan(0.19);
  await data.close();
});
