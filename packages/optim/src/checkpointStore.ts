import type { Backend } from '@sparseflow/tensor';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.ts';

/** Where {@link fit} keeps the state of a run. `@sparseflow/optim/node` has one in a file. */
export interface CheckpointStore {
  /** What was saved last, or undefined when nothing was. Its tensors are the caller's. */
  load(): Promise<Checkpoint | undefined>;
  /**
   * Replaces what was saved, as a whole or not at all. The tensors stay the caller's; they are not read after the promise settles.
   *
   * @param options.interim - One of many saves during an epoch, the next of which may follow at once.
   */
  save(checkpoint: Checkpoint, options?: { readonly interim?: boolean }): Promise<void>;
}

/**
 * Keeps the last checkpoint in memory: to pause training and go on, to train some epochs more, or to test.
 *
 * @example
 * ```ts
 * import { memoryCheckpointStore } from '@sparseflow/optim';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const store = memoryCheckpointStore({ backend });
 * await store.save({ params: { w: tensor([0.1], { backend }) } });
 * console.log((await store.load())?.params.w!.dataSync()); // [0.1]
 * ```
 */
export function memoryCheckpointStore(options: { readonly backend: Backend }): CheckpointStore {
  let saved: Uint8Array | undefined;
  return {
    load: async () => saved && decodeCheckpoint(saved, options),
    save: async (checkpoint) => {
      saved = await encodeCheckpoint(checkpoint);
    },
  };
}
