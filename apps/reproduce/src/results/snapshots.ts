import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Artefact, NumberArray } from './files.ts';
import { encodeArtefact, readArtefact, writeJson } from './files.ts';

/** The epochs after which a model's samples are kept while it is trained: 1, 2, 4, 8, …, as most changes early and training may end early. */
export function snapshotEpochs(epochs: number): number[] {
  return Array.from({ length: epochs }, (_, i) => i + 1).filter((epoch) => Number.isInteger(Math.log2(epoch)));
}

const fileOf = (checkpoints: string, address: string, epoch: number): string =>
  join(checkpoints, `${address}.samples-${epoch}.json`);

/** Keeps samples beside the checkpoints, so that they outlive an interruption of the training. */
export function saveSnapshot(checkpoints: string, address: string, epoch: number, images: NumberArray): void {
  writeJson(fileOf(checkpoints, address, epoch), encodeArtefact(address, { extent: 1, arrays: { images } }));
}

const prefix = 'images-';

/** What was kept of a training, as arrays of the model's artefact. Files that cannot be read are reported and left alone. */
export function readSnapshots(
  checkpoints: string,
  address: string,
  epochs: number,
  onUnusable: (path: string, reason: string) => void,
): Artefact['arrays'] {
  const arrays: Record<string, NumberArray> = {};
  for (const epoch of snapshotEpochs(epochs)) {
    const path = fileOf(checkpoints, address, epoch);
    if (!existsSync(path)) continue;
    try {
      arrays[prefix + epoch] = readArtefact(path, address).arrays['images']!;
    } catch (error) {
      onUnusable(path, (error as Error).message);
    }
  }
  return arrays;
}

/** The snapshots among the arrays of an artefact, in the order of training. */
export function snapshotsIn(arrays: Artefact['arrays']): { readonly epoch: number; readonly images: NumberArray }[] {
  return Object.entries(arrays)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, images]) => ({ epoch: Number(name.slice(prefix.length)), images }))
    .sort((a, b) => a.epoch - b.epoch);
}
