import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { expectSplits, preparedFixture } from '../../test/expectSplits.ts';
import { asFloat32, put } from '../../test/files.ts';
import { gaussianLogLikelihood } from '../../test/gaussianFit.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { loadDataset } from '../node/index.ts';
import { readRows, rowsOf, type Rows } from '../rows/rows.ts';

const expected = preparedFixture('hepmass');
const load = (dataDir: string) => loadDataset('hepmass', { dataDir, cacheDir: temporaryFolder() });
const features = Array.from({ length: 27 }, (_, i) => `f${i}`);
const csv = (lines: readonly (readonly number[])[]): string =>
  [`# label,${features.join(',')}`, ...lines.map((line) => line.join(','))].join('\n');

function putBoth(dataDir: string, damage = (text: string) => text): void {
  put(dataDir, 'hepmass/1000_train.csv', damage(csv(expected.train_lines)));
  put(dataDir, 'hepmass/1000_test.csv', csv(expected.test_lines));
}

test('the signal, without discrete columns, normalised as numpy does it', async () => {
  const dataDir = temporaryFolder();
  putBoth(dataDir);
  const data = await load(dataDir);
  await expectSplits(data, expected);
  expect(data.reason).toBe('an excerpt of 39 of 350,136 training and 26 of 174,987 test rows');
  await data.close();
});

test.each([
  [
    'a value left out',
    (text: string) => text.replace(/\n1,[^,]*,/, '\n1,,'),
    /line \d+: number 0 \(from 0\) of .* is missing/,
  ],
  ['NaN', (text: string) => text.replace(/\n1,[^,]*,/, '\n1,nan,'), /is missing or not finite/],
  ['a line cut short', (text: string) => text.slice(0, -20), /line 81: \d+ fields instead of 28 or 29/],
  ['a word for a label', (text: string) => text.replace(/\n1,/, '\nsignal,'), /line \d+: number 0/],
  ['no label', (text: string) => text.replace(/\n1,/, '\n,'), /line \d+: number 0/],
])('refuses %s', async (_what, damage, message) => {
  const dataDir = temporaryFolder();
  putBoth(dataDir, damage);
  await expect(load(dataDir)).rejects.toThrow(message);
});

test('refuses files in which other features than the published are continuous', async () => {
  const dataDir = temporaryFolder();
  // Of ten lines of signal few columns have one value more than five times.
  const signal = (text: string) => text.split('\n').filter((line, i) => i === 0 || line.startsWith('1,'));
  putBoth(dataDir, (text) => signal(text).slice(0, 11).join('\n'));
  await expect(load(dataDir)).rejects.toThrow(
    /1000_train\.csv: 2[2-6] of the 26 features are continuous in its 10 rows instead of 21\. To fix: give a file with more rows/,
  );
});

test('refuses a file for testing without signal', async () => {
  const dataDir = temporaryFolder();
  putBoth(dataDir);
  put(dataDir, 'hepmass/1000_test.csv', csv(expected.test_lines.filter(([label]) => label === 0)));
  await expect(load(dataDir)).rejects.toThrow(/1000_test\.csv: it has 0 of the 1 rows/);
});

/** The rows of one split, and behind them those of another. */
async function joined(first: Rows, second: Rows): Promise<Rows> {
  const [a, b] = [await readRows(first, key(0)), await readRows(second, key(0))];
  return rowsOf({ points: Float64Array.of(...a.points, ...b.points), count: a.count + b.count, dim: a.dim });
}

testOnRealData('HEPMASS as numpy prepares it', async (dataDir, golden) => {
  const numpy = golden('hepmass');
  const data = await load(dataDir);
  expect([data.train.count, data.validation.count]).toEqual(numpy.rows);
  const kept = Array.from({ length: 26 }, (_, j) => j).filter((j) => !numpy.removed_columns.includes(j));
  expect([...data.scaling!.mean]).toEqual(kept.map((j) => numpy.mu[j]));
  expect([...data.scaling!.std]).toEqual(kept.map((j) => numpy.sigma[j]));
  expect((await data.train.take(Int32Array.of(0), key(0))).points).toEqual(asFloat32(numpy.train_first));
  expect(data.reason).toContain('validation also stands for test');
  const all = await joined(data.train, data.validation);
  expect(Math.abs((await gaussianLogLikelihood(all, all)) - numpy.gaussian_train_ll)).toBeLessThan(1e-3);
  await data.close();
});
