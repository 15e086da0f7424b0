import { CIFAR_SIDE, cifarCount, cifarLabels, cifarPixels } from '../formats/cifar.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition } from './definition.ts';
import { prepareImages, type ImageFile } from './images.ts';

/** MD5 of the files in the archive. */
const FILES = {
  'data_batch_1.bin': '5dd7e06a14cb22eb9f671a540d1b7c25',
  'data_batch_2.bin': '5ea93a67294ea407fff1d09f752e9692',
  'data_batch_3.bin': '942cd6a4bcdd0dd3c604fbe906cb4421',
  'data_batch_4.bin': 'ae636b3ba5c66a11e91e8cb52e771fcb',
  'data_batch_5.bin': '53f37980c15c3d472c316c40844f3f0d',
  'test_batch.bin': '803d5f7f4d78ea53de84dbe85f74fb6d',
};

/** Small colour images of ten kinds; those for training are mirrored at random. */
export const cifar10Definition: DatasetDefinition = {
  name: 'cifar10',
  description: 'photographs of ten kinds of things, 32 × 32 coloured pixels',
  dim: 3072,
  rows: [45_000, 5_000, 10_000],
  licence: 'none stated; its author asks for a citation',
  citation: 'Krizhevsky 2009',
  downloads: [
    {
      url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
      checksum: { algorithm: 'md5', hex: 'c32a1d4ab5d03f1284b67883e8d87530' },
      path: 'cifar-10-binary.tar.gz',
      members: Object.entries(FILES).map(([name, hex]) => ({
        name: `cifar-10-batches-bin/${name}`,
        path: `cifar10/${name}`,
        checksum: { algorithm: 'md5', hex },
      })),
    },
  ],
  forms: [Object.keys(FILES), ['data_batch_1.bin', 'test_batch_first1000.bin']].map((names) => ({
    files: names.map((name) => `cifar10/${name}`),
    async prepare(preparation) {
      const { files } = preparation;
      const train = await readImages(files.slice(0, -1));
      const test = await readImages(files.slice(-1));
      const side = { height: CIFAR_SIDE, width: CIFAR_SIDE, channels: 3 };
      const format = { ...side, flip: true, whole: { train: 50_000, test: 10_000 } };
      return prepareImages(train, test, format, preparation);
    },
  })),
};

const STEP = 500;

/** The records of several files, one after the other. */
async function readImages(files: readonly StoredFile[]): Promise<ImageFile> {
  const labels: number[] = [];
  const starts: number[] = [];
  for (const file of files) {
    starts.push(labels.length);
    labels.push(...(await cifarLabels(file)));
  }
  return {
    path: files[0]!.path,
    count: labels.length,
    labels: Int32Array.from(labels),
    async *pixels(first, end) {
      for (const [f, file] of files.entries()) {
        const from = Math.max(first - starts[f]!, 0);
        const to = Math.min(end - starts[f]!, cifarCount(file));
        for (let i = from; i < to; i += STEP) yield await cifarPixels(file, i, Math.min(STEP, to - i));
      }
    },
  };
}
