import { key, uniform } from '@sparseflow/tensor';
import { DataFileError } from '../errors.ts';
import { npyTable } from '../formats/npy.ts';
import type { Table } from '../formats/table.ts';
import { finite, requireColumns } from '../preparation/passes.ts';
import type { DatasetDefinition, SplitName } from './definition.ts';
import { mafArchive } from './mafArchive.ts';

const PIXELS = 64;
const DIM = 63;
const SPLITS: readonly SplitName[] = ['train', 'validation', 'test'];

/** Patches of natural images as they are in the archive's file, not normalised (Papamakarios et al. 2017). */
export const bsds300Definition: DatasetDefinition = {
  name: 'bsds300',
  description: '8 × 8 patches of natural images, their mean removed, without the last pixel',
  dim: DIM,
  rows: [1_000_000, 50_000, 250_000],
  licence: 'non-commercial research and education',
  citation: 'Martin et al. 2001; Papamakarios et al. 2017',
  downloads: [mafArchive('BSDS300/BSDS300.hdf5')],
  forms: [
    {
      files: ['BSDS300/BSDS300.hdf5'],
      async prepare({ files, write, hdf5 }) {
        const [file] = files;
        if (!hdf5) {
          throw new DataFileError(
            'unsupported',
            file!.path,
            'HDF5 files cannot be read here',
            'prepare it in Node, or use the patches as npy files',
          );
        }
        const counts: number[] = [];
        for (const split of SPLITS) {
          const table = finite(requireColumns(await hdf5(file!, split), DIM, 'patches of 63 numbers'));
          await write(split, { count: table.rows, dim: DIM }, table.pass());
          counts.push(table.rows);
        }
        const isWhole = counts.every((count, i) => count === bsds300Definition.rows[i]);
        return isWhole ? {} : { reason: `an excerpt of ${counts.join(', ')} rows` };
      },
    },
    {
      files: SPLITS.map((split) => `bsds300/patches_u8_${split}.npy`),
      async prepare({ files, write }) {
        for (const [i, split] of SPLITS.entries()) {
          const table = finite(requireColumns(await npyTable(files[i]!), PIXELS, 'patches of 8 × 8 pixels'));
          const noise = (first: number, count: number) =>
            uniform(key(BigInt(i) * 2n ** 32n + BigInt(first)), count * PIXELS);
          await write(split, { count: table.rows, dim: DIM }, patchPieces(table, noise));
        }
        return { reason: 'patches cut elsewhere, not those of the published file' };
      },
    },
  ],
};

/**
 * From grey patches: (pixel + noise) / 256, minus the patch's own mean, without the last pixel.
 *
 * @param noise - For `count` patches from patch `first` on, in [0, 1).
 * @internal
 */
export async function* patchPieces(
  table: Table,
  noise: (first: number, count: number) => Float64Array,
): AsyncGenerator<Float64Array, void, undefined> {
  let first = 0;
  for await (const pixels of table.pass()) {
    const count = pixels.length / PIXELS;
    const added = noise(first, count);
    const out = new Float64Array(count * DIM);
    for (let i = 0; i < count; i++) {
      const patch = pixels.subarray(i * PIXELS, (i + 1) * PIXELS);
      let mean = 0;
      for (let k = 0; k < PIXELS; k++) {
        patch[k] = (patch[k]! + added[i * PIXELS + k]!) / 256;
        mean += patch[k]! / PIXELS;
      }
      for (let k = 0; k < DIM; k++) out[i * DIM + k] = patch[k]! - mean;
    }
    yield out;
    first += count;
  }
}
