/// <reference types="@vitest/browser-playwright" />
import { key } from '@sparseflow/tensor';
import { expect, onTestFinished, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { openDataset, opfsStorage, readRows, realDataset, streamBatches, verifyDataset } from '../src/index.ts';
import { npyHeader } from '../src/formats/npyHeader.ts';
import { writeWhole } from '../src/storage/storage.ts';

test('a data set is prepared in the browser’s own file system, once, and streamed from it', async () => {
  const storage = await opfsStorage(`datasets-${crypto.randomUUID()}`);
  const options = { data: [storage], cache: storage };
  const absent = await openDataset(realDataset('miniboone'), options).catch((error: unknown) => error);
  expect(absent).toMatchObject({ name: 'DataFileError', problem: 'missing' });

  const rows = 200;
  const values = Float64Array.from({ length: rows * 43 }, (_, k) => Math.imul(k, 2654435761) / 2 ** 32 + (k % 43));
  const half = values.length / 2;
  for (const part of [npyHeader('<f8', [rows, 43]), values.slice(0, half), values.slice(half)]) {
    const file = await storage.append('miniboone/data.npy');
    await file.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    await file.close();
  }
  const first = await openDataset(realDataset('miniboone'), options);
  expect([first.train.count, first.validation.count, first.test.count]).toEqual([162, 18, 20]);
  expect(first.comparable).toBe(false);
  const [folder] = (await Promise.all([storage.list('miniboone'), storage.list('prepared')])).flat();
  expect(folder).toBe('data.npy');
  const { points } = await readRows(first.train, key(0));
  const second = await openDataset(realDataset('miniboone'), options);
  expect((await readRows(second.train, key(0))).points).toEqual(points);
  let seen = 0;
  for await (const batch of streamBatches(second.train, { key: key(1), batchSize: 50 })) seen += batch.count;
  expect(seen).toBe(162);

  // Its published checksum is of all 36,488 rows.
  const verified = await verifyDataset(realDataset('miniboone'), options).catch((error: unknown) => error);
  expect(verified).toMatchObject({ name: 'DataFileError', problem: 'checksum' });
  expect((verified as Error).message).toMatch(/miniboone\/data\.npy: its git-blob is \w{40} instead of 9737c80f/);

  await storage.rename('miniboone/data.npy', 'miniboone/moved.npy');
  await storage.remove('miniboone/moved.npy');
  expect(await storage.list('miniboone')).toEqual([]);
});

test('a file for which the browser has no room is named, and nothing is left of it', async () => {
  const storage = await opfsStorage(`datasets-${crypto.randomUUID()}`);
  const quota = async (size?: { readonly quotaSize: number }): Promise<void> => {
    await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, ...size });
  };
  const { usage = 0 } = await navigator.storage.estimate();
  await quota({ quotaSize: usage + 1e6 });
  onTestFinished(() => quota());
  const write = writeWhole(storage, 'a/large.bin', async (append) => {
    for (let piece = 0; piece < 4; piece++) await append(new Uint8Array(1 << 20));
  });
  const error = await write.catch((e: unknown) => e);
  expect(error).toMatchObject({ name: 'DataFileError', problem: 'unwritable' });
  expect((error as Error).message).toMatch(
    /large\.bin\.[\w-]+\.tmp: the browser gives no more space\. To fix: free space, or ask for more/,
  );
  expect(await storage.list('a')).toEqual([]);
});
