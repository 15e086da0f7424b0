import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { arbitrary, filesIn, npy, put } from '../../test/files.ts';
import { temporaryFolder } from '../../test/realData.ts';
import { fileStorage } from '../node/index.ts';
import { readRows } from '../rows/rows.ts';
import type { DataStorage } from '../storage/storage.ts';
import { realDataset } from './list.ts';
import { openDataset } from './openDataset.ts';
import { verifyDataset } from './verifyDataset.ts';

const power = realDataset('power');

/** An excerpt of POWER, and an empty cache whose writings are noted. */
function unprepared() {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  const rows = Array.from({ length: 60 }, (_, i) => Array.from({ length: 8 }, (_, j) => arbitrary(8 * i + j)));
  put(dataDir, 'power/data_excerpt.npy', npy(rows));
  const placed: string[] = [];
  const files = fileStorage(cacheDir);
  const cache: DataStorage = {
    ...files,
    rename: (from, to) => files.rename(from, to).then(() => void placed.push(to.split('/').at(-1)!)),
  };
  return { cacheDir, placed, options: { data: [fileStorage(dataDir)], cache } };
}

test('what was prepared once is opened, and nothing is written again', async () => {
  const { placed, options } = unprepared();
  await (await openDataset(power, options)).close();
  expect(placed).toContain('dataset.json');
  placed.length = 0;
  await (await openDataset(power, options)).close();
  expect(placed).toEqual([]);
});

test('two that prepare a set at once do not disturb one another, and leave one copy of it', async () => {
  const { cacheDir, placed, options } = unprepared();
  const [one, other] = await Promise.all([openDataset(power, options), openDataset(power, options)]);
  expect(placed.filter((name) => name === 'dataset.json')).toHaveLength(2);
  for (const split of ['train', 'validation', 'test'] as const) {
    expect(await readRows(one[split], key(0))).toEqual(await readRows(other[split], key(0)));
  }
  await Promise.all([one.close(), other.close()]);
  // Three splits, what is known of them, and their checksums, which agree.
  expect(filesIn(cacheDir)).toHaveLength(5);
  expect(await verifyDataset(power, options)).toMatchObject({ sources: 1, prepared: 4, rows: [49, 5, 6] });
});
