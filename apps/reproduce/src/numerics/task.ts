import type { Split } from '@sparseflow/datasets';
import type { Backend, Key, Masks, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { NumberArray } from '../results/files.ts';
import type { Quantity } from '../results/schema.ts';
import type { Artefact } from '../results/store.ts';
import { classificationTask } from './classification.ts';
import { densityTask } from './density.ts';
import type { Likelihoods } from './evaluate.ts';
import type { PointData } from './pointData.ts';

/** What training, pruning and evaluating need to know of a kind of model. All tensors that are returned are the caller's. */
export interface Task {
  readonly neurons: readonly NeuronGroup[];
  /** At how many positions of one row each weight is used, where that is not once. */
  readonly positions?: Readonly<Record<string, number>>;
  /** The same task, computed without what the masks remove; its numbers are the same up to rounding. */
  lean(model: { readonly params: Params; readonly masks: Masks }): Promise<LeanTask>;
  init(key: Key): Params;
  /** The training loss of a batch, with the step's randomness from the key. */
  lossAndGrad(
    params: Params,
    batch: Split,
    key: Key,
  ): Promise<{
    readonly loss: Tensor;
    readonly grads: Params;
    readonly stats: { readonly nfe: number; readonly nfeBackward: number };
  }>;
  /**
   * The mean negative log-likelihood in nats (of points, or of their labels), without noise; of images with that of the key, as their exact trace
   * is out of reach.
   */
  nll(params: Params, split: Split, key: Key): Promise<number>;
  /** The same with the training's estimate of the trace, for validation between epochs; absent where it would not be cheaper. */
  estimatedNll?(params: Params, split: Split, key: Key): Promise<number>;
  /** What enters each candidate weight for a batch, for pruners that look at activations; called in a scope. Absent: those cannot be used. */
  layerInputs?(params: Params, batch: Split): Readonly<Record<string, Tensor>>;
  /** What else is measured. */
  quantities?(params: Params, data: PointData, likelihoods: Likelihoods): Promise<Readonly<Record<string, Quantity>>>;
  /** What is drawn of a model while it is trained; absent: nothing. */
  sample?(params: Params): Promise<NumberArray>;
  /** What the figures need. */
  draw(params: Params, data: PointData, extent: number): Promise<Artefact>;
}

/** A task that holds tensors of its own. */
export interface LeanTask {
  readonly task: Task;
  dispose(): void;
}

/** The task of a point, on the backend that its parameters are on. */
export function taskOf(config: PointConfig, backend: Backend): Task {
  return config.task === 'classification' ? classificationTask(config, backend) : densityTask(config, backend);
}
