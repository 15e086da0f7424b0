import type { LogFiles } from '../logs/runLog.ts';
import type { PlannedPoint } from '../plan.ts';
import type { Quantity } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';

/** How far one point is. */
export interface Progress {
  /** Epochs done in this round, with fractions, and how many there will be at most; of an analysis, its steps. */
  readonly epoch: number;
  readonly epochs: number;
  /** Mean negative log-likelihood (nats) of the latest batches; the Hutchinson estimate. */
  readonly loss: number;
  readonly nfeForward: number;
  readonly nfeBackward: number;
  /** Training steps a second, lately. */
  readonly stepsPerSecond?: number;
  readonly phase: 'train' | 'evaluate' | 'analyse';
}

/** What a worker needs to know to compute one point. Plain data: it crosses a thread boundary. */
export interface Job {
  readonly planned: PlannedPoint;
  /** Directory of the checkpoints of the point's folder. */
  readonly checkpoints: string;
  /** Where data files are looked for first. */
  readonly dataDir?: string;
  /** Where its training is logged; absent: nowhere. */
  readonly logs?: LogFiles;
  /** Train again although a finished checkpoint is there. */
  readonly fresh: boolean;
  /** Threads for a backend that has them. No result depends on it. */
  readonly threads: number;
}

/** What was measured of a flow. Likelihoods are exact-trace negative log-likelihoods in nats. */
export interface Measured {
  readonly parameters: number;
  /** Epochs since the random initialisation. */
  readonly epochs: number;
  readonly trainNll: number;
  readonly validationNll: number;
  readonly testNll: number;
  readonly nfeForward: number;
  readonly nfeBackward: number;
  readonly quantities?: Readonly<Record<string, Quantity>>;
}

export type Outcome =
  | { readonly status: 'ok'; readonly measured: Measured; readonly seconds: number; readonly artefact?: Artefact }
  /** Of an analysis: quantities by name. The likelihoods are those of the model that was analysed. */
  | {
      readonly status: 'analysed';
      readonly quantities: Readonly<Record<string, Quantity>>;
      readonly parameters: number;
      readonly epochs: number;
      readonly seconds: number;
      readonly artefact?: Artefact;
    }
  | {
      readonly status: 'diverged';
      readonly reason: string;
      readonly parameters: number | null;
      readonly epochs: number;
      readonly seconds: number;
    }
  /** Asked to stop; what was trained is in its checkpoint. */
  | { readonly status: 'stopped' };

/** Something that computes points, `size` of them at a time. */
export interface Executor {
  readonly size: number;
  /** Rejects only for failures that are not the point's own: those end the run. */
  run(job: Job, handlers: Handlers): Promise<Outcome>;
  close(): Promise<void>;
}

export interface Handlers {
  onProgress(progress: Progress): void;
  /** One line about a file that is left alone, or the like. */
  onWarning(line: string): void;
}
