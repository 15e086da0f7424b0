import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { key } from '@sparseflow/tensor';
import { describe, expect, test } from 'vitest';
import { filesIn, put } from '../../test/files.ts';
import { temporaryFolder, testOnRealData } from '../../test/realData.ts';
import { fileStorage, loadDataset } from '../node/index.ts';
import { readRows } from '../rows/rows.ts';
import { rowsInOrder, streamBatches } from '../rows/streamBatches.ts';
import { realDataset } from './list.ts';
import { verifyDataset } from './verifyDataset.ts';

const load = (name: string, dataDir: string) => loadDataset(name, { dataDir, cacheDir: temporaryFolder() });

/** Pixel k of image i. */
const pixel = (i: number, k: number): number => (37 * i + 11 * k) % 256;
const label = (i: number): number => (3 * i) % 10;
const from = (count: number, value: (i: number) => number) => Uint8Array.from({ length: count }, (_, i) => value(i));
const pixelsOf = (image: Float64Array): number[] => [...image].map((x) => Math.floor(256 * x));

/** The four files of MNIST with other numbers of images. */
function mnistFiles(
  dataDir: string,
  train: number,
  test: number,
  damage: Readonly<Record<string, Uint8Array>> = {},
): void {
  const header = (...numbers: number[]) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    numbers.forEach((n, i) => bytes.writeUInt32BE(n, 4 * i));
    return bytes;
  };
  for (const [part, count] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const images = from(784 * count, (k) => pixel(Math.floor(k / 784), k % 784));
    const files = {
      [`${part}-images-idx3-ubyte`]: Buffer.concat([header(0x803, count, 28, 28), images]),
      [`${part}-labels-idx1-ubyte`]: Buffer.concat([header(0x801, count), from(count, label)]),
    };
    for (const [name, bytes] of Object.entries({ ...files, ...damage })) {
      if (name.startsWith(part)) put(dataDir, `mnist/${name}.gz`, gzipSync(bytes));
    }
  }
}

/** Records of CIFAR-10's binary version: planes of red, green and blue. */
const cifarFile = (first: number, count: number): Uint8Array =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) => [label(first + i), ...from(3072, (k) => pixel(first + i, k))]).map(
      (record) => Uint8Array.from(record),
    ),
  );

describe('MNIST', () => {
  test('images and labels, the last tenth of train for validation', async () => {
    const dataDir = temporaryFolder();
    mnistFiles(dataDir, 25, 8);
    const data = await load('mnist', dataDir);
    expect([data.train.count, data.validation.count, data.test.count, data.dim]).toEqual([23, 2, 8, 784]);
    expect(data.image).toEqual({ height: 28, width: 28, channels: 1, levels: 256, alpha: 1e-6 });
    expect(data).toMatchObject({
      comparable: false,
      reason: 'an excerpt of 25 of 60,000 training and 8 of 10,000 test images',
    });
    const { points, labels } = await data.validation.take(Int32Array.of(1, 0), key(0));
    expect([...labels!]).toEqual([label(24), label(23)]);
    expect(pixelsOf(points)).toEqual([24, 23].flatMap((i) => [...from(784, (k) => pixel(i, k))]));
    await data.close();
  });

  test('noise is uniform within a pixel’s step, fresh in each epoch, and a row’s own', async () => {
    const dataDir = temporaryFolder();
    mnistFiles(dataDir, 20, 5);
    const { train, test: testRows, close } = await load('mnist', dataDir);
    const noise = async (seed: number) =>
      (await readRows(train, key(seed))).points.map((x) => 256 * x - Math.floor(256 * x));
    const drawn = await noise(1);
    // 14,112 uniform numbers: mean 1/2 ± 5/√(12 n), variance 1/12 ± 5/√(180 n).
    const n = drawn.length;
    const mean = drawn.reduce((sum, u) => sum + u, 0) / n;
    const variance = drawn.reduce((sum, u) => sum + (u - 0.5) ** 2, 0) / n;
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 / Math.sqrt(12 * n));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(5 / Math.sqrt(180 * n));
    expect(await noise(1)).toEqual(drawn);
    expect(await noise(2)).not.toEqual(drawn);
    // Evaluation does not depend on the batch size.
    const whole = (await readRows(testRows, key(3))).points;
    const parts: number[] = [];
    for await (const { points } of rowsInOrder(testRows, { key: key(3), batchSize: 2 })) parts.push(...points);
    expect(parts).toEqual([...whole]);
    // The same image in two epochs: the same pixels, other noise.
    const seen: Float64Array[] = [];
    for await (const { points, labels } of streamBatches(train, { key: key(4), batchSize: 1, epochs: 2 })) {
      if (labels![0] === label(1) && pixelsOf(points)[0] === pixel(1, 0)) seen.push(points);
    }
    expect(seen).toHaveLength(2);
    expect(pixelsOf(seen[0]!)).toEqual(pixelsOf(seen[1]!));
    expect(seen[0]).not.toEqual(seen[1]);
    await close();
  });

  const [images, labels] = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'];
  test.each([
    [
      'cut images',
      images,
      Buffer.from('00000803000000190000001c0000001cff', 'hex'),
      'truncated',
      /it ends at byte 17 instead of 19616/,
    ],
    ['a web page', images, Buffer.from('<html>'), 'corrupt', /byte 0: it does not begin as IDX files do/],
    [
      'images of another size',
      images,
      Buffer.from('000008030000000100000001000000017f', 'hex'),
      'columns',
      /images of 1 × 1 pixels/,
    ],
    ['labels of other images', labels, Buffer.from('0000080100000001ff', 'hex'), 'columns', /1 labels for 25 images/],
    ['a cut header', labels, Buffer.from('000008', 'hex'), 'corrupt', /does not begin/],
  ])('refuses %s and keeps nothing', async (_what, name, bytes, problem, message) => {
    const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
    mnistFiles(dataDir, 25, 8, { [name]: bytes });
    const error = await loadDataset('mnist', { dataDir, cacheDir }).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'DataFileError', problem });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(`mnist/${name}.gz`);
    expect(filesIn(cacheDir)).toEqual([]);
  });

  test.each([
    ['nine images for training', 9, 8, /train-images-idx3-ubyte\.gz: it has 9 of the 10 rows/],
    ['no image for testing', 25, 0, /t10k-images-idx3-ubyte\.gz: it has 0 of the 1 rows/],
  ])('refuses %s and keeps nothing', async (_what, train, test, message) => {
    const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
    mnistFiles(dataDir, train, test);
    await expect(loadDataset('mnist', { dataDir, cacheDir })).rejects.toThrow(message);
    expect(filesIn(cacheDir)).toEqual([]);
  });

  test.each([
    ['cut', (whole: Uint8Array) => whole.subarray(0, 200)],
    ['changed', (whole: Uint8Array) => whole.map((byte, i) => (i === 300 ? byte ^ 4 : byte))],
    ['not packed at all', () => Buffer.from('<html>a proxy</html>')],
  ])('names a gzip file that was %s', async (_what, damage) => {
    const [dataDir, cacheDir] = [temporaryFolder(), temporaryFolder()];
    mnistFiles(dataDir, 25, 8);
    const bytes = Buffer.from('000008030000000a0000001c0000001c', 'hex');
    const noise = from(7840, (i) => Math.imul(i, 2654435761) >>> 24);
    put(dataDir, `mnist/${images}.gz`, damage(gzipSync(Buffer.concat([bytes, noise]))));
    const error = await loadDataset('mnist', { dataDir, cacheDir }).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'DataFileError', problem: 'corrupt' });
    expect((error as Error).message).toMatch(
      /images-idx3-ubyte\.gz: the gzip stream is truncated or damaged after \d+ unpacked bytes/,
    );
    expect(filesIn(cacheDir)).toEqual([]);
  });
});

describe('CIFAR-10', () => {
  const batches = (dataDir: string): void => {
    for (const i of [1, 2, 3, 4, 5]) put(dataDir, `cifar10/data_batch_${i}.bin`, cifarFile(4 * (i - 1), 4));
    put(dataDir, 'cifar10/test_batch.bin', cifarFile(100, 3));
  };

  test('planes become pixels of three channels; only images for training are mirrored', async () => {
    const dataDir = temporaryFolder();
    batches(dataDir);
    const data = await load('cifar10', dataDir);
    expect([data.train.count, data.validation.count, data.test.count, data.dim]).toEqual([18, 2, 3, 3072]);
    const image = (i: number): number[] => [...from(3072, (k) => pixel(i, (k % 3) * 1024 + Math.floor(k / 3)))];
    const mirrored = (pixels: readonly number[]): number[] =>
      pixels.map((_, k) => pixels[3 * (32 * Math.floor(k / 96) + 31 - (Math.floor(k / 3) % 32)) + (k % 3)]!);
    const { points, labels } = await readRows(data.test, key(0));
    expect(pixelsOf(points)).toEqual([100, 101, 102].flatMap(image));
    expect([...labels!]).toEqual([100, 101, 102].map(label));
    let flips = 0;
    for (let seed = 0; seed < 3; seed++) {
      const train = await readRows(data.train, key(seed));
      for (let i = 0; i < 18; i++) {
        const found = pixelsOf(train.points.subarray(3072 * i, 3072 * (i + 1)));
        const original = image(i);
        const isMirrored = found[0] !== original[0] || found[3] !== original[3];
        expect(found.join()).toBe((isMirrored ? mirrored(original) : original).join());
        flips += Number(isMirrored);
      }
    }
    // 54 fair coins: 27 ± 4 · √13.5.
    expect(Math.abs(flips - 27)).toBeLessThan(15);
    await data.close();
  });

  test('each file has a published checksum, packed or not', async () => {
    const dataDir = temporaryFolder();
    const options = { data: [fileStorage(dataDir)], cache: fileStorage(temporaryFolder()) };
    put(dataDir, 'cifar10/data_batch_1.bin', cifarFile(0, 4));
    put(dataDir, 'cifar10/test_batch_first1000.bin', cifarFile(100, 3));
    const wrong = await verifyDataset(realDataset('cifar10'), options).catch((e: unknown) => e);
    const sum = createHash('md5').update(cifarFile(0, 4)).digest('hex');
    expect((wrong as Error).message).toContain(`its md5 is ${sum} instead of 5dd7e06a14cb22eb9f671a540d1b7c25`);
    rmSync(join(dataDir, 'cifar10/data_batch_1.bin'));
    put(dataDir, 'cifar10/data_batch_1.bin.gz', gzipSync(cifarFile(0, 4)));
    const packed = await verifyDataset(realDataset('cifar10'), options).catch((e: unknown) => e);
    expect((packed as Error).message).toContain(`data_batch_1.bin.gz: its md5 is ${sum} instead of 5dd7e06a`);
  });

  test('damaged records are named', async () => {
    const dataDir = temporaryFolder();
    batches(dataDir);
    put(dataDir, 'cifar10/data_batch_2.bin', cifarFile(4, 4).subarray(0, -5));
    await expect(load('cifar10', dataDir)).rejects.toThrow(/data_batch_2\.bin: it ends at byte 12287, within record 3/);
    put(
      dataDir,
      'cifar10/data_batch_2.bin',
      cifarFile(4, 4).map((byte, i) => (i === 3073 ? 77 : byte)),
    );
    await expect(load('cifar10', dataDir)).rejects.toThrow(/data_batch_2\.bin: record 1 \(from 0\): its label is 77/);
  });
});

testOnRealData('all of MNIST, and ten thousand images of CIFAR-10', async (dataDir) => {
  const mnist = await load('mnist', dataDir);
  expect([mnist.train.count, mnist.validation.count, mnist.test.count]).toEqual([54_000, 6_000, 10_000]);
  expect(mnist.comparable).toBe(true);
  // The first test image is a seven.
  const seven = await mnist.test.take(Int32Array.of(0), key(0));
  expect([...seven.labels!]).toEqual([7]);
  await mnist.close();
  const cifar = await load('cifar10', dataDir);
  expect([cifar.train.count, cifar.validation.count, cifar.test.count]).toEqual([9_000, 1_000, 1_000]);
  expect(cifar.reason).toBe('an excerpt of 10,000 of 50,000 training and 1,000 of 10,000 test images');
  const { labels } = await cifar.test.take(Int32Array.of(0, 1, 2, 3), key(0));
  expect([...labels!]).toEqual([3, 8, 8, 0]); // cat, ship, ship, aeroplane
  await cifar.close();
});
