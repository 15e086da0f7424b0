import { DatasetError } from '../errors.ts';
import { npyHeader } from '../formats/npyHeader.ts';
import { npyTypes } from '../formats/npyTypes.ts';
import { arrayTable } from '../formats/npy.ts';
import type { Table } from '../formats/table.ts';
import type { SplitShape } from '../sets/definition.ts';
import { using, writeWhole, type DataStorage } from '../storage/storage.ts';
import { writeSummed, type Checksums } from './checksums.ts';

/** Names of a split's files in its folder. */
export const pointsFile = (split: string): string => `${split}.npy`;
export const labelsFile = (split: string): string => `${split}-labels.npy`;

/** Writes a split as npy files: rows as float32, or bytes as they are, and labels as int32. @returns their checksums, by name */
export async function writeSplit(
  storage: DataStorage,
  folder: string,
  split: string,
  { count, dim, labels }: SplitShape,
  pieces: AsyncIterable<Float64Array | Uint8Array>,
): Promise<Checksums['files']> {
  const ofPoints = await writeSummed(storage, `${folder}/${pointsFile(split)}`, async (append) => {
    let written = 0;
    for await (const piece of pieces) {
      const isBytes = piece instanceof Uint8Array;
      if (written === 0) await append(npyHeader(isBytes ? '|u1' : '<f4', [count, dim]));
      await append(isBytes ? piece : new Uint8Array(Float32Array.from(piece).buffer));
      written += piece.length;
    }
    if (written !== count * dim) {
      throw new DatasetError(
        split,
        `${written / dim} rows were prepared instead of ${count}`,
        'report this with the file that was read',
      );
    }
  });
  if (!labels) return { [pointsFile(split)]: ofPoints };
  const ofLabels = await writeSummed(storage, `${folder}/${labelsFile(split)}`, async (append) => {
    await append(npyHeader('<i4', [count]));
    await append(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
  });
  return { [pointsFile(split)]: ofPoints, [labelsFile(split)]: ofLabels };
}

/** Rows on the disk as float64, until `dispose`. */
export async function spool(
  storage: DataStorage,
  path: string,
  columns: number,
  pieces: AsyncIterable<Float64Array>,
): Promise<{ readonly table: Table; dispose(): Promise<void> }> {
  await writeWhole(storage, path, async (append) => {
    for await (const piece of pieces) await append(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
  });
  const file = (await storage.open(path))!;
  const type = npyTypes['f8']!;
  const shape = [file.size / (columns * type.bytes), columns];
  return {
    table: arrayTable(file, { type, littleEndian: true, fortranOrder: false, shape, offset: 0 }),
    dispose: () => using(file, async () => undefined).then(() => storage.remove(path)),
  };
}
