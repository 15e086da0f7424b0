import type { CreateOptions, FloatDType, Key, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { Solver, Stats } from '@sparseflow/ode-solvers';
import type { Divergence } from '../divergence/divergence.ts';
import type { UnitConstants } from '../field.ts';

/** Sample positions [batch, dim], and what the log density gained on the way there [batch], in nats. */
export type FlowState = { readonly z: Tensor; readonly logDet: Tensor };

/** In training there may also be a penalty [batch], the regularisers' weighted total. */
export type TrainingState = { readonly z: Tensor; readonly logDet: Tensor; readonly penalty?: Tensor };

/** What one call may set. */
export interface CallOptions {
  /** Randomness of a stochastic divergence. */
  readonly key?: Key;
  readonly divergence?: Divergence;
  /** What the density is conditioned on, [batch, width]. An error where no field takes one. */
  readonly context?: Tensor;
  /** Another solver than in training, such as for testing. Its `steps` then count, not those of the flow. */
  readonly solver?: Solver;
  readonly rtol?: number;
  readonly atol?: number;
  readonly steps?: number;
  readonly signal?: AbortSignal;
}

export interface SampleOptions extends CallOptions {
  readonly key: Key;
  readonly backend: CreateOptions['backend'];
  readonly dtype?: FloatDType;
  /** Standard deviation of the noise that is transported. Default 1; 0, where no density is asked for, is the image of the origin. */
  readonly temperature?: number;
}

/** Where a flow takes its input, with the change of log density and the solver's statistics. */
export interface FlowResult extends FlowState {
  readonly stats: Stats;
}

/** A forward pass that can be taken back. */
export interface Recorded {
  /** Belongs to the recording. */
  readonly state: TrainingState;
  /** Of both passes so far. */
  readonly stats: Stats;
  /** Maps cotangents of the state to gradients, which are the caller's. The input and the parameters must still be alive. */
  pullback(cotangent: TrainingState): Promise<{ readonly x: Tensor; readonly params: Params }>;
  /** Frees the state and all that the pullback needs. */
  dispose(): void;
}

/** A forward pass whose probes and steps are kept. */
export interface Frozen {
  /** Synchronous, and differentiable to any order. */
  readonly run: (params: Params, x: Tensor) => TrainingState;
  /** Where it took the input; the caller's. */
  readonly z: Tensor;
  readonly stats: Stats;
  /** Frees the probes. */
  dispose(): void;
}

/**
 * An invertible map with named parameters, from data to noise, that knows how it changes log densities. `continuous` is the one that
 * flows are about; `compose` makes one of several; `transformOf` makes one of plain differentiable functions.
 */
export interface Transform {
  /** Positions are [batch, dim]; images are flattened, row by row, with the channels of a pixel together. */
  readonly dim: number;
  /** Width of the context that it is conditioned on; by default there is none. */
  readonly context?: number;
  /** Fresh parameters, the same on every backend for one key. */
  init(key: Key, options: CreateOptions): Params;
  /** From data x to noise. The result is the caller's. */
  forward(params: Params, x: Tensor, call?: CallOptions): Promise<FlowResult>;
  /** From noise z to data, with the negative of forward's `logDet`. */
  inverse(params: Params, z: Tensor, call?: CallOptions): Promise<FlowResult>;
  /** From noise to data without densities, which is cheaper. */
  generate(params: Params, z: Tensor, call?: CallOptions): Promise<{ readonly z: Tensor; readonly stats: Stats }>;
  record(params: Params, x: Tensor, call?: CallOptions): Promise<Recorded>;
  freeze(params: Params, x: Tensor, call?: CallOptions): Promise<Frozen>;
  readonly neurons: readonly NeuronGroup[];
  readonly positions?: Readonly<Record<string, number>>;
  resize?(sizes: Readonly<Record<string, number>>): Transform;
  constants?(params: Params, group: string): UnitConstants;
  /** Parameters that are measured and not trained, and what they are after seeing a batch: new tensors. */
  readonly statistics?: readonly string[];
  observe?(params: Params, x: Tensor, call?: CallOptions): Promise<Params>;
}

export const noStats = (): Stats => ({ accepted: 0, rejected: 0, nfe: 0, nfeBackward: 0, dtMin: 0, dtMax: 0 });

/** The work of several solves together. */
export function sumStats(all: readonly Stats[]): Stats {
  const steps = all.filter(({ accepted }) => accepted > 0);
  const total = (name: 'accepted' | 'rejected' | 'nfe' | 'nfeBackward'): number =>
    all.reduce((n, stats) => n + stats[name], 0);
  return {
    accepted: total('accepted'),
    rejected: total('rejected'),
    nfe: total('nfe'),
    nfeBackward: total('nfeBackward'),
    dtMin: steps.length === 0 ? 0 : Math.min(...steps.map(({ dtMin }) => dtMin)),
    dtMax: steps.length === 0 ? 0 : Math.max(...steps.map(({ dtMax }) => dtMax)),
  };
}
