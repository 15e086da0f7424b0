import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { preparedFixture } from '../../test/expectSplits.ts';
import { bytesFile, collect, put } from '../../test/files.ts';
import { gaussianLogLikelihood } from '../../test/gaussianFit.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { npyHeader } from '../formats/npyHeader.ts';
import { npyTable } from '../formats/npy.ts';
import { fileStorage, loadDataset } from '../node/index.ts';
import { firstRows, readRows } from '../rows/rows.ts';
import { patchPieces } from './bsds300.ts';

const { raw, half_noise } = preparedFixture('bsds300');
const halves = (_first: number, count: number) => new Float64Array(64 * count).fill(0.5);
const patches = () => Buffer.concat([npyHeader('|u1', [raw.length, 64]), Uint8Array.from(raw.flat())]);

test('patches lose their mean and their last pixel, as numpy computes it', async () => {
  const found = await collect(patchPieces(await npyTable(bytesFile('p.npy', patches())), halves));
  const expected = half_noise.flat();
  // Differences of numbers below 1, each rounded, with a mean of 64 of them.
  expected.forEach((value, i) => expect(Math.abs(found[i]! - value)).toBeLessThan(64 * 2 ** -53));
  expect(found).toHaveLength(expected.length);
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

testOnRealData('BSDS300 patches as numpy prepares them, and their Gaussian', async (dataDir, golden) => {
  const numpy = golden('bsds300');
  const file = (await fileStorage(dataDir).open('bsds300/patches_u8_train.npy'))!;
  const table = await npyTable(file);
  const [sum, squares] = [new Float64Array(63), new Float64Array(63)];
  let first: number[] | undefined;
  for await (const piece of patchPieces(table, halves)) {
    first ??= [...piece.subarray(0, 63)];
    for (let k = 0, j = 0; k < piece.length; k++, j = j === 62 ? 0 : j + 1) {
      sum[j]! += piece[k]!;
      squares[j]! += piece[k]! ** 2;
    }
  }
  await file.close();
  expect(first).toEqual(numpy.train_first);
  expect(Math.max(...sum.map((s) => Math.abs(s / table.rows)))).toBeCloseTo(numpy.mean_abs_max, 12);
  squares.forEach((s, j) =>
    expect(Math.sqrt(s / table.rows - (sum[j]! / table.rows) ** 2)).toBeCloseTo(numpy.std[j]!, 12),
  );

  const data = await loadDataset('bsds300', { dataDir, cacheDir: temporaryFolder() });
  expect([data.train.count, data.validation.count, data.test.count]).toEqual(numpy.rows);
  // Numpy finds 96.16 with its own noise. Single patches spread by some 60, of which 30,000 leave ±.35; a fit to a fifth of the rows costs
  // about half a parameter's worth a row: 2016 / (2 · 40,000) = .03.
  const found = await gaussianLogLikelihood(firstRows(data.train, 40_000), firstRows(data.test, 30_000));
  expect(Math.abs(found - 96.16)).toBeLessThan(1.5);
  await data.close();
});
