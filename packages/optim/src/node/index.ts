import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { SparseflowError, type Backend } from '@sparseflow/tensor';
import {
  CorruptCheckpointError,
  decodeCheckpoint,
  disposeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type CheckpointStore,
} from '../index.ts';
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
  await saveBy(writeFileAtomic, path, checkpoint);
}

type Write = (path: string, bytes: Uint8Array) => void | Promise<void>;

async function saveBy(write: Write, path: string, checkpoint: Checkpoint): Promise<void> {
  const bytes = await encodeCheckpoint(checkpoint);
  try {
    await write(path, bytes);
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

/** A store in a file. */
export interface FileCheckpointStore extends CheckpointStore {
  /** Removes what was saved. */
  remove(): Promise<void>;
}

/**
 * Keeps the checkpoints of one run in a file, for {@link fit}: training that was killed goes on from it. One run at a time may use a
 * path; when it begins, what a killed run left half-written beside the file is removed.
 *
 * @param options.flushEverySeconds - Interim saves that follow a flushed one so soon go, without a flush, in turn to two files beside it
 *   ({@link latestOf}), until the next save that is no interim one. That takes a fraction of the time. It survives the end of the process
 *   at any moment, but not that of the machine: after that, training goes on from what was flushed. Whoever copies or replaces the file of
 *   a run that was killed leaves them behind: a file that is older than the one they lie beside is not used. Default 0: every save is flushed.
 *
 * @example
 * ```ts
 * import { mkdtemp, readdir, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { fileCheckpointStore } from '@sparseflow/optim/node';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const folder = await mkdtemp(join(tmpdir(), 'store-'));
 * const store = fileCheckpointStore(join(folder, 'run.safetensors'), { backend, flushEverySeconds: 1 });
 * console.log(await store.load()); // undefined: a new run
 *
 * const after = (step: number) => ({
 *   params: { w: tensor([step], { backend }) },
 *   cursor: { epoch: 0, batch: step, step, lossSum: 0, metricSums: {} },
 * });
 * await store.save(after(1), { interim: true }); // flushed, as the first
 * await store.save(after(2), { interim: true });
 * console.log(await readdir(folder)); // [ 'run.safetensors', 'run.safetensors.latest.0' ]
 * console.log((await store.load())?.cursor?.step); // 2
 * await store.remove();
 * console.log(await readdir(folder)); // []
 * await rm(folder, { recursive: true });
 * ```
 */
export function fileCheckpointStore(
  path: string,
  options: { readonly backend: Backend; readonly flushEverySeconds?: number },
): FileCheckpointStore {
  const { backend, flushEverySeconds = 0 } = options;
  const latest = latestOf(path);
  const removeLatest = async (): Promise<void> => {
    for (const file of latest) await rm(file, { force: true });
  };
  let turn = 0;
  let flushedAt = -Infinity;
  return {
    async load() {
      try {
        await removeLeftovers(path);
        let newest = await loadCheckpoint(path, { backend });
        const { mtimeMs } = await stat(path);
        for (const file of latest) {
          const found = await loadIfWhole(file, mtimeMs, backend);
          if (!found) continue;
          const isNewer = stepsOf(found) > stepsOf(newest);
          disposeCheckpoint(isNewer ? newest : found);
          if (isNewer) newest = found;
        }
        return newest;
      } catch (error) {
        if (!isMissing(error)) throw error;
        // Without the file they are of a run that is over.
        await removeLatest();
        flushedAt = -Infinity;
        return undefined;
      }
    },
    async save(checkpoint, { interim = false } = {}) {
      if (interim && performance.now() - flushedAt < 1000 * flushEverySeconds) {
        return saveBy(overwrite, latest[turn++ % latest.length]!, checkpoint);
      }
      await saveCheckpoint(path, checkpoint);
      if (!interim) await removeLatest();
      flushedAt = performance.now();
    },
    async remove() {
      await rm(path, { force: true });
      await removeLatest();
      flushedAt = -Infinity;
    },
  };
}

/**
 * Where a {@link fileCheckpointStore} keeps what it saved after it last flushed its file.
 *
 * @example
 * ```ts
 * import { latestOf } from '@sparseflow/optim/node';
 *
 * console.log(latestOf('run.safetensors')); // ['run.safetensors.latest.0', 'run.safetensors.latest.1']
 * ```
 */
export function latestOf(path: string): readonly [string, string] {
  return [`${path}.latest.0`, `${path}.latest.1`];
}

const stepsOf = ({ cursor }: Checkpoint): number => cursor?.step ?? -1;

/**
 * What was saved in a file since a time, if it is whole: one of two is not where the process was killed while it wrote it, and neither may
 * be where the machine stopped.
 */
async function loadIfWhole(file: string, since: number, backend: Backend): Promise<Checkpoint | undefined> {
  try {
    return (await stat(file)).mtimeMs >= since ? await loadCheckpoint(file, { backend }) : undefined;
  } catch (error) {
    if (error instanceof CorruptCheckpointError || isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof CheckpointFileError ? error.cause : error;
  return (cause as { code?: string }).code === 'ENOENT';
}

/** Writes a file in place, so that it is damaged where that is interrupted; without a new file and its name, most of what a small file costs. */
function overwrite(path: string, bytes: Uint8Array): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    ftruncateSync(file, bytes.length);
  } finally {
    closeSync(file);
  }
}
