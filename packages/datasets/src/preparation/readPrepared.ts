import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { fold, uniform, type Key } from '@sparseflow/tensor';
import * as v from 'valibot';
import type { Split } from '../dataset.ts';
import { DataFileError } from '../errors.ts';
import { arrayTable } from '../formats/npy.ts';
import { readNpyHeader, type NpyHeader } from '../formats/npyHeader.ts';
import type { RowDataset, Rows } from '../rows/rows.ts';
import type { PreparedFacts } from '../sets/definition.ts';
import { writeWhole, type DataStorage, type StoredFile } from '../storage/storage.ts';
import { writeChecksums, type Checksums } from './checksums.ts';
import { damaged, jsonBytes, readJson } from './json.ts';
import { labelsFile, pointsFile } from './writePrepared.ts';

const numbers = v.array(v.number());
const factsSchema = v.object({
  name: v.string(),
  sources: v.array(v.string()),
  scaling: v.optional(v.object({ mean: numbers, std: numbers })),
  image: v.optional(
    v.object({
      height: v.number(),
      width: v.number(),
      channels: v.number(),
      levels: v.number(),
      alpha: v.number(),
      flip: v.boolean(),
    }),
  ),
  reason: v.optional(v.string()),
});

const FACTS = 'dataset.json';

/** Written last: a folder with it is whole. */
export async function writeFacts(
  storage: DataStorage,
  folder: string,
  name: string,
  { scaling, ...facts }: PreparedFacts,
  { sources, files }: Checksums,
): Promise<void> {
  const arrays = scaling && { scaling: { mean: [...scaling.mean], std: [...scaling.std] } };
  const bytes = jsonBytes({ name, sources: Object.keys(sources), ...arrays, ...facts });
  await writeChecksums(storage, folder, { sources, files: { ...files, [FACTS]: bytesToHex(sha256(bytes)) } });
  await writeWhole(storage, `${folder}/${FACTS}`, (append) => append(bytes));
}

/** Opens what was prepared; undefined when it was not. */
export async function readPrepared(storage: DataStorage, folder: string): Promise<RowDataset | undefined> {
  const facts = await readJson(storage, `${folder}/${FACTS}`, factsSchema);
  if (!facts) return undefined;
  const opened: StoredFile[] = [];
  const open = async (name: string): Promise<StoredFile | undefined> => {
    const found = await storage.open(`${folder}/${name}`);
    if (found) opened.push(found);
    return found;
  };
  const close = async (): Promise<void> => {
    await Promise.all(opened.splice(0).map((part) => part.close()));
  };
  try {
    const rows = async (split: string): Promise<Rows> => {
      const points = await open(pointsFile(split));
      if (!points) throw damaged(storage.describe(`${folder}/${pointsFile(split)}`), 'it is missing');
      const labels = await open(labelsFile(split));
      return preparedRows(
        points,
        labels,
        facts.image && { ...facts.image, flip: facts.image.flip && split === 'train' },
      );
    };
    const [train, validation, test] = [await rows('train'), await rows('validation'), await rows('test')];
    const { name, sources, scaling, image, reason } = facts;
    return {
      name,
      sources,
      dim: train.dim,
      train,
      validation,
      test,
      ...(scaling && { scaling: { mean: Float64Array.from(scaling.mean), std: Float64Array.from(scaling.std) } }),
      ...(image && { image: withoutFlip(image) }),
      comparable: reason === undefined,
      ...(reason !== undefined && { reason }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function withoutFlip({ flip: _, ...image }: NonNullable<PreparedFacts['image']>): NonNullable<RowDataset['image']> {
  return image;
}

async function preparedRows(
  points: StoredFile,
  labels: StoredFile | undefined,
  image: PreparedFacts['image'],
): Promise<Rows> {
  const table = arrayTable(points, await preparedHeader(points));
  const { rows: count, columns: dim } = table;
  const labelHeader = labels && (await preparedHeader(labels));
  const labelTable = labelHeader && arrayTable(labels, { ...labelHeader, shape: [count, 1] });
  return {
    count,
    dim,
    labelled: labelTable !== undefined,
    async take(rows, key): Promise<Split> {
      const values = await table.take(rows);
      if (image) dequantise(values, rows, dim, image, key);
      const split = { points: values, count: rows.length, dim };
      return labelTable ? { ...split, labels: Int32Array.from(await labelTable.take(rows)) } : split;
    },
  };
}

/** What was written here is not to be fetched again, whatever is wrong with it. */
async function preparedHeader(file: StoredFile): Promise<NpyHeader> {
  try {
    return await readNpyHeader(file);
  } catch (cause) {
    if (!(cause instanceof DataFileError) || cause.problem === 'unreadable') throw cause;
    throw damaged(file.path, cause.what, { cause });
  }
}

/** In place: pixel p becomes (p + U[0, 1)) / levels, with noise of the row's own; rows of a set with flips are mirrored in half of the cases. */
function dequantise(
  values: Float64Array,
  rows: Int32Array,
  dim: number,
  { levels, flip, height, width, channels }: NonNullable<PreparedFacts['image']>,
  key: Key,
): void {
  rows.forEach((row, i) => {
    const noise = uniform(fold(key, row), dim + 1);
    const image = values.subarray(i * dim, (i + 1) * dim);
    if (flip && noise[dim]! < 0.5) mirror(image, height, width, channels);
    for (let k = 0; k < dim; k++) image[k] = (image[k]! + noise[k]!) / levels;
  });
}

/** Exchanges left and right. */
function mirror(image: Float64Array, height: number, width: number, channels: number): void {
  const original = image.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + width - 1 - x) * channels;
      image.set(original.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
}
