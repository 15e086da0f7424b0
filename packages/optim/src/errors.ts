import { SparseflowError, type Params } from '@sparseflow/tensor';

/** The loss, or after a step the parameters, are no longer finite. */
export class TrainingDivergedError extends SparseflowError {
  readonly step: number;
  readonly epoch: number;
  /** The last loss that was finite, if any was. */
  readonly lastFiniteLoss: number | undefined;
  /** The last parameters whose loss was finite, or those training began with. They are the catcher's, to dispose as well. */
  readonly params: Params;

  constructor(
    what: string,
    at: {
      readonly step: number;
      readonly epoch: number;
      readonly lastFiniteLoss: number | undefined;
      readonly params: Params;
    },
  ) {
    const last =
      at.lastFiniteLoss === undefined ? 'no loss was finite before' : `last finite loss ${at.lastFiniteLoss}`;
    super(
      'TRAINING_DIVERGED',
      `fit: ${what} at step ${at.step} (epoch ${at.epoch}; ${last})`,
      'lower the learning rate, put clipByGlobalNorm before the optimiser, or look for a point in this batch that the model cannot take',
    );
    this.step = at.step;
    this.epoch = at.epoch;
    this.lastFiniteLoss = at.lastFiniteLoss;
    this.params = at.params;
  }
}

/** A stored checkpoint belongs to another run than the one that wants to go on from it. */
export class ResumeMismatchError extends SparseflowError {
  constructor(what: string) {
    super(
      'RESUME_MISMATCH',
      `fit: the stored checkpoint has ${what}`,
      'go on with the options that the run began with, or give this run another checkpoint store',
    );
  }
}

/** Bytes that are not a whole, valid safetensors file. */
export class SafetensorsError extends SparseflowError {
  constructor(
    what: string,
    remedy = 'check where the bytes come from; they were cut off, changed, or are of another format',
  ) {
    super('SAFETENSORS', `safetensors: ${what}`, remedy);
  }
}

/** A checkpoint whose bytes are not those that were written. */
export class CorruptCheckpointError extends SparseflowError {
  /** The file, where there is one. */
  readonly path: string | undefined;
  readonly what: string;

  constructor(path: string | undefined, what: string, options?: ErrorOptions) {
    super(
      'CORRUPT_CHECKPOINT',
      `checkpoint${path === undefined ? '' : ` '${path}'`}: ${what}`,
      'restore it from a copy, or remove it to start afresh',
      options,
    );
    this.path = path;
    this.what = what;
  }
}
