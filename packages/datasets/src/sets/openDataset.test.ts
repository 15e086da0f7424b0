import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { key } from '@sparseflow/tensor';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { arbitrary, filesIn, npy, put } from '../../test/files.ts';
import { temporaryFolder } from '../../test/realData.ts';
import { npyHeader } from '../formats/npyHeader.ts';
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

test('files of the published size with another checksum are refused, and nothing is kept of them', async () => {
  const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
  const values = Float64Array.from({ length: 36_488 * 43 }, (_, k) => arbitrary(k));
  put(dataDir, 'miniboone/data.npy', Buffer.concat([npyHeader('<f8', [36_488, 43]), new Uint8Array(values.buffer)]));
  const options = { data: [fileStorage(dataDir)], cache: fileStorage(cacheDir) };
  const error = await openDataset(realDataset('miniboone'), options).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', problem: 'checksum' });
  expect((error as Error).message).toMatch(
    /miniboone\/data\.npy: its git-blob is \w{40} instead of 9737c80f\w{32}\. To fix: it is damaged or another file/,
  );
  expect(filesIn(cacheDir)).toEqual([]);
});

test.each([
  ['cut in its numbers', (bytes: Uint8Array) => bytes.subarray(0, -4), /it ends at byte \d+ of \d+\. To fix/],
  ['cut in its header', (bytes: Uint8Array) => bytes.subarray(0, 20), /it ends at byte 20 of 128\. To fix/],
  ['empty', (bytes: Uint8Array) => bytes.subarray(0, 0), /byte 0: it does not begin as npy files do\. To fix/],
  ['longer than it was', (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.of(0)]), /but 1 bytes follow\. To fix/],
])('a prepared file that is %s is to be made again, not fetched', async (_what, damage, message) => {
  const { cacheDir, options } = unprepared();
  await (await openDataset(power, options)).close();
  const path = filesIn(cacheDir).find((file) => basename(file) === 'train.npy')!;
  writeFileSync(path, damage(readFileSync(path)));
  const error = await openDataset(power, options).catch((e: unknown) => e);
  expect(error).toMatchObject({
    name: 'DataFileError',
    problem: 'corrupt',
    remedy: 'remove its folder: it will be made again',
  });
  expect((error as Error).message).toContain(path);
  expect((error as Error).message).toMatch(message);
  rmSync(dirname(path), { recursive: true });
  await (await openDataset(power, options)).close();
});

describe('on a disk that fills up', () => {
  afterEach(() => vi.restoreAllMocks());
  // The noisy rows, three splits, what is known of them, and checksums: six files, most of them in two pieces.
  test.each([1, 2, 4, 6, 8, 9])(
    'at write %d the preparation says so, keeps nothing, and later goes on',
    async (full) => {
      const { cacheDir, options } = unprepared();
      const handle = await open(process.execPath);
      const methods = Object.getPrototypeOf(handle) as FileHandle;
      await handle.close();
      const { appendFile } = methods;
      let writes = 0;
      vi.spyOn(methods, 'appendFile').mockImplementation(async function (this: FileHandle, ...args) {
        if (++writes >= full) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        return appendFile.apply(this, args);
      });
      await expect(openDataset(power, options)).rejects.toThrow(
        /no space left on device \(ENOSPC\)\. To fix: free space/,
      );
      expect(writes).toBe(full);
      // Splits that were whole stay, for nobody to see: the file that says that all are there is written last.
      expect(filesIn(cacheDir).filter((path) => /tmp|dataset\.json/.test(basename(path)))).toEqual([]);
      vi.restoreAllMocks();
      expect(await verifyDataset(power, options)).toMatchObject({ prepared: 4 });
    },
  );
});
