import type { Key, Masks, Params, Tensor } from '@sparseflow/tensor';
import type { EpochRecord } from './checkpoint.ts';
import type { CheckpointStore } from './checkpointStore.ts';
import type { Optimizer } from './optimizer.ts';

/** The loss of one batch and its gradient. Both become the training loop's, which disposes them. */
export interface StepResult {
  /** A number, or a tensor of one element. */
  readonly loss: number | Tensor;
  /** One for each parameter. */
  readonly grads: Params;
  /** Anything worth following, such as the number of function evaluations; epochs report means. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** A step that was taken. */
export interface StepEvent {
  /** From 0, over the whole run. */
  readonly step: number;
  readonly epoch: number;
  /** From 0, in this epoch. */
  readonly batch: number;
  /** Before the update. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** What the schedule said; undefined without one. */
  readonly learningRate: number | undefined;
  /** After the update; lent until the callback returns. */
  readonly params: Params;
}

/** An epoch that is over. */
export interface EpochEvent extends EpochRecord {
  /** True when the validation value is the lowest so far. */
  readonly improved: boolean;
  /** Lent until the callback returns. */
  readonly params: Params;
}

export interface FitOptions<Batch> {
  /** Where training begins. Copied: they stay the caller's, unchanged. */
  readonly params: Params;
  /**
   * The model: the loss of a batch and its gradient. The parameters and the batch are lent for the call. The key is
   * `fold(key, step)`, so that a step's noise does not depend on which steps this process has seen.
   */
  readonly lossAndGrad: (params: Params, batch: Batch, key: Key) => StepResult | Promise<StepResult>;
  /**
   * The batches of an epoch, from batch `cursor` on. The key is `splitKey(key)[0]` in all epochs: fold the epoch in. The training loop
   * disposes no batch: a generator may dispose what it yielded after the `yield`, in a `finally`.
   */
  readonly batches: (epoch: number, cursor: number, key: Key) => Iterable<Batch> | AsyncIterable<Batch>;
  readonly optimizer: Optimizer;
  /** Total of the run, those of a resumed checkpoint included. */
  readonly epochs: number;
  /** All randomness of the run. */
  readonly key: Key;
  readonly masks?: Masks | undefined;
  /** The learning rate from the steps or the epochs that are done; replaces the optimiser's own. */
  readonly schedule?: ((step: number, epoch: number) => number) | undefined;
  /** Run after each epoch; lower is better. The key is `splitKey(key)[1]` in all epochs, so that epochs see the same noise. */
  readonly validation?: ((params: Params, key: Key, epoch: number) => number | Promise<number>) | undefined;
  /** Return the parameters of the epoch with the lowest validation value, not the last. Default false. */
  readonly keepBest?: boolean | undefined;
  /** Stop after `patience` epochs in which validation was not lower than the best by more than `minDelta` (default 0). */
  readonly earlyStopping?: { readonly patience: number; readonly minDelta?: number } | undefined;
  readonly callbacks?:
    | {
        readonly onStep?: (event: StepEvent) => void | Promise<void>;
        readonly onEpoch?: (event: EpochEvent) => void | Promise<void>;
      }
    | undefined;
  readonly checkpoint?:
    | {
        /** Training goes on from what is in the store. */
        readonly store: CheckpointStore;
        /** Default: only between epochs. */
        readonly everySteps?: number;
        /** Default 1, or never when `everySeconds` or `share` is given. The end of training is saved in any case. */
        readonly everyEpochs?: number;
        /**
         * After the first step at which the last save is so long ago: bounds both what a crash can cost and, for steps that are short
         * beside a write to the disk, what saving costs. Does not change what is computed.
         */
        readonly everySeconds?: number;
        /**
         * After every step, as long as saving has taken no more than this share of the time: what a crash can cost is the step under way
         * where saving is cheap beside a step, and more where it is not. With `everySeconds`, whichever comes first. Does not change what
         * is computed.
         */
        readonly share?: number;
        /** Kept in the checkpoint, and compared when resuming: what identifies the run, such as a hash of its configuration. */
        readonly metadata?: Readonly<Record<string, string>>;
      }
    | undefined;
  /** Stops training between two steps, after saving a checkpoint. */
  readonly signal?: AbortSignal | undefined;
}

export interface FitResult {
  /** The caller's to dispose. */
  readonly params: Params;
  readonly stopped: 'completed' | 'earlyStopping' | 'aborted';
  /** Epochs that are done, those before a resumption included. */
  readonly epochs: number;
  readonly steps: number;
  readonly history: readonly EpochRecord[];
  /** The epoch with the lowest validation value. */
  readonly best?: { readonly epoch: number; readonly value: number };
}
