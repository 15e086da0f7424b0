import { gzipSync } from 'node:zlib';
import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { expectSplits, preparedFixture } from '../../test/expectSplits.ts';
import { asFloat32, filesIn, npy, put } from '../../test/files.ts';
import { gaussianLogLikelihood } from '../../test/gaussianFit.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { loadDataset } from '../node/index.ts';
import { randomState } from '../preparation/mt19937.ts';

const expected = preparedFixture('power');

/** As UCI writes it: semicolons, CRLF, and a minute that was not measured. */
function household(rows: readonly (readonly number[])[]): string {
  const line = (row: readonly number[]): string => {
    const time = `${Math.floor(row[7]! / 60)}:${row[7]! % 60}:00`;
    return ['16/12/2006', time, ...row.slice(0, 7).map((value) => value.toFixed(3))].join(';');
  };
  const missing = '16/12/2006;00:00:00;?;?;?;?;?;?;';
  const header = 'Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;Sub_1;Sub_2;Sub_3';
  return `${[header, ...rows.map(line).toSpliced(20, 0, missing)].join('\r\n')}\r\n`;
}

test('shuffled, with noise and normalised as numpy does it, and kept for the next time', async () => {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  put(dataDir, 'power/data.npy', npy(expected.raw));
  for (let time = 0; time < 2; time++) {
    const data = await loadDataset('power', { dataDir, cacheDir });
    await expectSplits(data, expected);
    expect(data).toMatchObject({ comparable: false, reason: 'an excerpt of 70 of 2,049,280 rows' });
    await data.close();
  }
});

test('UCI’s text gives the same rows, packed or not', async () => {
  const text = household(expected.raw);
  for (const [name, bytes] of [
    ['power/household_power_consumption.txt', text],
    ['power/household_power_consumption.txt.gz', gzipSync(text)],
  ] as const) {
    const dataDir = temporaryFolder();
    put(dataDir, name, bytes);
    const data = await loadDataset('power', { dataDir, cacheDir: temporaryFolder() });
    await expectSplits(data, expected);
    await data.close();
  }
});

test.each([
  [
    'a line with a field less',
    'columns',
    (text: string) => text.replace(/;\d+\.\d+\r\n/, '\r\n'),
    /line 2: 8 fields instead of 9/,
  ],
  [
    'a word for a number',
    'values',
    (text: string) => text.replace(/;(\d+\.\d+)\r\n/, ';high\r\n'),
    /line 2: number 6 \(from 0\) of .* is missing or not finite/,
  ],
  [
    'a space for a number',
    'values',
    (text: string) => text.replace(/;(\d+\.\d+)\r\n/, '; \r\n'),
    /line 2: number 6 \(from 0\) of .* is missing or not finite/,
  ],
  [
    'a number beyond float32',
    'values',
    (text: string) => text.replace(/;(\d+\.\d+)\r\n/, ';1e60\r\n'),
    /line 2: number 6 \(from 0\) of .* is beyond the range of float32/,
  ],
  [
    'a time without minutes',
    'values',
    (text: string) => text.replace(/2006;\d+:\d*/, '2006;7:'),
    /line 2: number 7 \(from 0\) of .* is missing or not finite/,
  ],
  ['no row', 'truncated', (text: string) => text.slice(0, text.indexOf('\n') + 1), /no row of 8 numbers/],
])('of a text with %s nothing is kept', async (_what, problem, damage, message) => {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  put(dataDir, 'power/household_power_consumption.txt', damage(household(expected.raw)));
  const error = await loadDataset('power', { dataDir, cacheDir }).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', problem });
  expect((error as Error).message).toMatch(message);
  expect(filesIn(cacheDir)).toEqual([]);
});

test('nine rows are refused, by the name of their file, and nothing is kept of them', async () => {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  put(dataDir, 'power/household_power_consumption.txt', household(expected.raw.slice(0, 9)));
  const error = await loadDataset('power', { dataDir, cacheDir }).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', problem: 'rows' });
  expect((error as Error).message.replace(dataDir, '')).toBe(
    '/power/household_power_consumption.txt: it has 9 of the 11 rows that it takes for no split to be empty. To fix: give a file with more rows.',
  );
  expect(filesIn(cacheDir)).toEqual([]);
});

test.each([
  ['data.npy', npy, 'row %d, column 4 (from 0)'],
  ['household_power_consumption.txt', household, 'row %d of those taken from it, column 4 (from 0)'],
] as const)(
  'of a number in %s that float32 does not hold once it is normalised, the place is named',
  async (name, write, place) => {
    const order = Int32Array.from(expected.raw, (_, i) => i);
    randomState(42).shuffle(order);
    const last = order.at(-1)!; // for testing: it has no part in the deviation
    // A column of its noise alone, uniform on [0, 1): it deviates by about .3, and 3e38 by 1e39 times that, where float32 ends at 3.4e38.
    const raw = expected.raw.map((row, i) => row.with(4, i === last ? 3e38 : 0));
    const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
    put(dataDir, `power/${name}`, write(raw));
    await expect(loadDataset('power', { dataDir, cacheDir })).rejects.toThrow(
      `power/${name}: ${place.replace('%d', String(last))}: 3e+38 is 9.`,
    );
    expect(filesIn(cacheDir)).toEqual([]);
  },
);

testOnRealData('POWER as numpy prepares it', async (dataDir, golden) => {
  const numpy = golden('power');
  const data = await loadDataset('power', { dataDir, cacheDir: temporaryFolder() });
  expect([data.train.count, data.validation.count, data.test.count]).toEqual(numpy.rows);
  expect([...data.scaling!.mean]).toEqual(numpy.mu);
  expect([...data.scaling!.std]).toEqual(numpy.sigma);
  const first = async (split: 'train' | 'validation' | 'test', ...rows: number[]) =>
    (await data[split].take(Int32Array.from(rows), key(0))).points;
  expect(await first('train', 0, 1)).toEqual(asFloat32(numpy.train_first2.flat()));
  expect(await first('validation', 0)).toEqual(asFloat32(numpy.val_first));
  expect(await first('test', data.test.count - 1)).toEqual(asFloat32(numpy.test_last));
  const found = await gaussianLogLikelihood(data.train, data.test);
  expect(Math.abs(found - numpy.gaussian_test_ll)).toBeLessThan(1e-3);
  await data.close();
});
