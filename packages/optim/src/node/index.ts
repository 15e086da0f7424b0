import { readFile } from 'node:fs/promises';
import { SparseflowError, type Backend } from '@sparseflow/tensor';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint, type CheckpointStore } from '../index.ts';
import { removeLeftovers, writeFileAtomic } from './atomicWrite.ts';

/** A checkpoint file that cannot be read or written. */
export class CheckpointFileError extends SparseflowError {
  readonly path: string;

  constructor(path: string, action: 'read' | 'write', cause: unknown) {
    const { code = 'unknown reason' } = cause as { code?: string };
    const remedies: Record<string, string> = {
      ENOENT: 'check the path',
      EACCES: 'check the permissions of the file and its folder',
      EROFS: 'choose a folder on a writable disk',
      ENOSPC: 'free space on the disk',
    };
    super(
      'CHECKPOINT_FILE',
      `cannot ${action} checkpoint '${path}' (${code})`,
      remedies[code] ?? 'check the path and its folder',
      { cause },
    );
    this.path = path;
  }
}

/**
 * Writes a checkpoint file. The file is replaced as a whole, so that there is a good one at any moment, whenever the process is killed.
 * Makes the folder if needed.
 *
 * @throws {CheckpointFileError} when the system refuses; the previous file is intact
 *
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { loadCheckpoint, saveCheckpoint } from '@sparseflow/optim/node';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
 * const path = join(folder, 'model.safetensors');
 * await saveCheckpoint(path, { params: { w: tensor([0.1, 0.2], { backend }) } });
 * console.log((await loadCheckpoint(path, { backend })).params.w!.dataSync()); // [0.1, 0.2]
 * await rm(folder, { recursive: true });
 * ```
 */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const bytes = await encodeCheckpoint(checkpoint);
  try {
    await writeFileAtomic(path, bytes);
  } catch (error) {
    throw new CheckpointFileError(path, 'write', error);
  }
}

/**
 * Reads a checkpoint file and uploads it.
 *
 * @throws {CheckpointFileError} when there is no such file, or it cannot be read
 * @throws {CorruptCheckpointError} when its bytes are not those that were written
 */
export async function loadCheckpoint(path: string, options: { readonly backend: Backend }): Promise<Checkpoint> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new CheckpointFileError(path, 'read', error);
  }
  return decodeCheckpoint(bytes, { ...options, path });
}

/**
 * Keeps the checkpoints of one run in one file, for {@link fit}: training that was killed goes on from it. One run at a time may use a
 * path; when it begins, what a killed run left half-written beside the file is removed.
 *
 * @example
 * ```ts
 * import { fileCheckpointStore } from '@sparseflow/optim/node';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const store = fileCheckpointStore('/nowhere/run.safetensors', { backend: createReferenceBackend() });
 * console.log(await store.load()); // undefined: a new run
 * ```
 */
export function fileCheckpointStore(path: string, options: { readonly backend: Backend }): CheckpointStore {
  return {
    async load() {
      try {
        await removeLeftovers(path);
        return await loadCheckpoint(path, options);
      } catch (error) {
        const cause = error instanceof CheckpointFileError ? error.cause : error;
        if ((cause as { code?: string }).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    save: (checkpoint) => saveCheckpoint(path, checkpoint),
  };
}
