import { DataFileError } from '../errors.ts';
import { readIdxHeader } from '../formats/idx.ts';
import type { StoredFile } from '../storage/storage.ts';
import type { DatasetDefinition } from './definition.ts';
import { prepareImages, type ImageFile } from './images.ts';

/** MD5 of the packed files at the mirror that torchvision uses, and of what they hold. */
const FILES = {
  'train-images-idx3-ubyte': {
    packed: 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    unpacked: '6bbc9ace898e44ae57da46a324031adb',
  },
  'train-labels-idx1-ubyte': {
    packed: 'd53e105ee54ea40749a09fcbcd1e9432',
    unpacked: 'a25bea736e30d166cdddb491f175f624',
  },
  't10k-images-idx3-ubyte': {
    packed: '9fb629c4189551a2d022fa330f9573f3',
    unpacked: '2646ac647ad5339dbf082846283269ea',
  },
  't10k-labels-idx1-ubyte': {
    packed: 'ec29112dd5afa0611ce80d1b7f02629c',
    unpacked: '27ae3e4e09519cfbb04c329615203637',
  },
};

/** Handwritten digits. */
export const mnistDefinition: DatasetDefinition = {
  name: 'mnist',
  description: 'handwritten digits, 28 × 28 grey pixels',
  dim: 784,
  rows: [54_000, 6_000, 10_000],
  licence: 'usually given as CC BY-SA 3.0',
  citation: 'LeCun, Cortes and Burges',
  downloads: Object.entries(FILES).map(([name, { packed, unpacked }]) => ({
    url: `https://ossci-datasets.s3.amazonaws.com/mnist/${name}.gz`,
    checksum: { algorithm: 'md5', hex: packed },
    unpacked: { algorithm: 'md5', hex: unpacked },
    path: `mnist/${name}.gz`,
  })),
  forms: [
    {
      files: Object.keys(FILES).map((name) => `mnist/${name}`),
      async prepare(preparation) {
        const [trainImages, trainLabels, testImages, testLabels] = preparation.files;
        const train = await readImages(trainImages!, trainLabels!);
        const test = await readImages(testImages!, testLabels!);
        const format = { height: 28, width: 28, channels: 1, flip: false, whole: { train: 60_000, test: 10_000 } };
        return prepareImages(train, test, format, preparation);
      },
    },
  ],
};

async function readImages(images: StoredFile, labels: StoredFile): Promise<ImageFile> {
  const { shape, offset } = await readIdxHeader(images);
  const [count = 0, height, width] = shape;
  if (shape.length !== 3 || height !== 28 || width !== 28) {
    throw new DataFileError(
      'columns',
      images.path,
      `images of ${shape.slice(1).join(' × ')} pixels instead of 28 × 28`,
      'give the files of MNIST',
    );
  }
  const labelHeader = await readIdxHeader(labels);
  if (labelHeader.shape.length !== 1 || labelHeader.shape[0] !== count) {
    throw new DataFileError(
      'columns',
      labels.path,
      `${labelHeader.shape.join(' × ')} labels for ${count} images`,
      'give the labels of the same images',
    );
  }
  const size = 28 * 28;
  return {
    path: images.path,
    count,
    labels: Int32Array.from(await labels.read(labelHeader.offset, count)),
    async *pixels(first, end) {
      const step = 1000;
      for (let i = first; i < end; i += step) {
        yield await images.read(offset + i * size, Math.min(step, end - i) * size);
      }
    },
  };
}
