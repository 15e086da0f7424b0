import { lastTenth, requireRows } from '../preparation/passes.ts';
import type { PreparedFacts, Preparation, SplitName } from './definition.ts';
import { excerptOfTwo, type TrainAndTest } from './excerpt.ts';

/** Images of a file, as bytes in the order of height, width, channels. */
export interface ImageFile {
  /** As messages show it. */
  readonly path: string;
  readonly count: number;
  readonly labels: Int32Array;
  /** The bytes of images `first` to `end`, piece by piece. */
  pixels(first: number, end: number): AsyncIterable<Uint8Array>;
}

/** Height, width, channels, and whether images for training are mirrored at random. */
export interface ImageSet {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly flip: boolean;
  /** Images of the published set. */
  readonly whole: TrainAndTest;
}

/** Of an image set, the last tenth of the training images is for validation. Pixels are kept as bytes: their noise is fresh at every access. */
export async function prepareImages(
  train: ImageFile,
  test: ImageFile,
  { height, width, channels, flip, whole }: ImageSet,
  { write }: Preparation,
): Promise<PreparedFacts> {
  const dim = height * width * channels;
  const put = (split: SplitName, file: ImageFile, first: number, end: number): Promise<void> =>
    write(split, { count: end - first, dim, labels: file.labels.slice(first, end) }, file.pixels(first, end));
  requireRows({ path: test.path, rows: test.count }, 1);
  const trainEnd = lastTenth({ path: train.path, rows: train.count });
  await put('train', train, 0, trainEnd);
  await put('validation', train, trainEnd, train.count);
  await put('test', test, 0, test.count);
  return {
    image: { height, width, channels, levels: 256, alpha: 1e-6, flip },
    ...excerptOfTwo({ train: train.count, test: test.count }, whole, 'images'),
  };
}
