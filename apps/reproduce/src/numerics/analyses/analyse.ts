import type { Cnf } from '@sparseflow/cnf';
import type { Dataset } from '@sparseflow/datasets';
import type { Backend, Key, Masks, Params } from '@sparseflow/tensor';
import type { Quantity } from '../../results/schema.ts';
import type { Artefact } from '../../results/store.ts';

/** A trained flow that is analysed, and what the analysis may use. Tensors stay the caller's. */
export interface Subject {
  readonly flow: Cnf;
  readonly params: Params;
  readonly masks: Masks;
  readonly data: Dataset;
  /** Randomness of the analysis; the same for all methods and rounds of a seed. */
  readonly key: Key;
  readonly backend: Backend;
  /** Half the side of the square that figures show. */
  readonly extent: number;
  /** A file name for what should outlive an interruption; the file goes when the analysis is done. */
  readonly statePath: string;
  /** Aborted when the run is asked to stop. */
  readonly signal: AbortSignal;
  /**
   * Reports progress, to be called often.
   *
   * @throws what `signal` is aborted with.
   */
  step(done: number, total: number): void;
}

/** What an analysis finds: numbers by name, and what the figures need. */
export interface Findings {
  readonly quantities: Readonly<Record<string, Quantity>>;
  readonly artefact: Artefact;
}
