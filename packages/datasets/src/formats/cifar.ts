import { DataFileError } from '../errors.ts';
import type { StoredFile } from '../storage/storage.ts';

export const CIFAR_SIDE = 32;
const PLANE = CIFAR_SIDE * CIFAR_SIDE;
const CIFAR_PIXELS = 3 * PLANE;
/** One byte of label before the red, the green and the blue plane (Krizhevsky 2009). */
const RECORD = 1 + CIFAR_PIXELS;

/**
 * How many records a file of CIFAR-10's binary version has.
 *
 * @throws {DataFileError} when it ends within a record.
 */
export function cifarCount({ path, size }: StoredFile): number {
  if (size === 0 || size % RECORD !== 0) {
    throw new DataFileError(
      'truncated',
      path,
      `it ends at byte ${size}, within record ${Math.floor(size / RECORD)} (from 0) of ${RECORD} bytes`,
      'get the file again',
    );
  }
  return size / RECORD;
}

/** The labels of all records, 0 to 9. */
export async function cifarLabels(file: StoredFile): Promise<Uint8Array> {
  const labels = new Uint8Array(cifarCount(file));
  await file.gather(
    Float64Array.from(labels, (_, i) => i * RECORD),
    1,
    labels,
  );
  const bad = labels.findIndex((label) => label > 9);
  if (bad >= 0) {
    throw new DataFileError(
      'corrupt',
      file.path,
      `record ${bad} (from 0): its label is ${labels[bad]} instead of 0 to 9`,
      'get the file again',
    );
  }
  return labels;
}

/** Pixels (height, width, channels) of `count` records from `first` on. */
export async function cifarPixels(file: StoredFile, first: number, count: number): Promise<Uint8Array> {
  const bytes = await file.read(first * RECORD, count * RECORD);
  const pixels = new Uint8Array(count * CIFAR_PIXELS);
  for (let i = 0; i < count; i++) {
    const planes = i * RECORD + 1;
    for (let p = 0, k = i * CIFAR_PIXELS; p < PLANE; p++) {
      pixels[k++] = bytes[planes + p]!;
      pixels[k++] = bytes[planes + PLANE + p]!;
      pixels[k++] = bytes[planes + 2 * PLANE + p]!;
    }
  }
  return pixels;
}
