import type { Dataset } from '@sparseflow/datasets';
import { batches, batchesPerEpoch } from '@sparseflow/datasets';
import { adam, adamW, fit } from '@sparseflow/optim';
import { fileCheckpointStore } from '@sparseflow/optim/node';
import type { Backend, Masks, Params } from '@sparseflow/tensor';
import { disposeTree } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { Progress } from '../run/executor.ts';
import type { TrainingRecord } from './checkpoints.ts';
import { keysOf } from './model.ts';
import type { Task } from './task.ts';

export interface TrainRoundOptions {
  readonly backend: Backend;
  readonly address: string;
  /** File of the training's state; training goes on from it. */
  readonly statePath: string;
  /** Epochs of the rounds before. */
  readonly epochsBefore: number;
  onProgress(progress: Progress): void;
  shouldStop(): boolean;
}

/**
 * The training step of Algorithm 1: a fresh optimiser, masks applied after every update, one draw of noise per step.
 *
 * @param start stays the caller's.
 * @returns the trained parameters, the caller's to dispose; undefined when it was stopped, in which case its state is saved.
 */
export async function trainRound(
  task: Task,
  { train, validation }: Dataset,
  start: { readonly params: Params; readonly masks: Masks },
  config: PointConfig,
  { backend, address, statePath, epochsBefore, onProgress, shouldStop }: TrainRoundOptions,
): Promise<{ readonly params: Params; readonly record: TrainingRecord } | undefined> {
  const { training, optimiser } = config;
  const perEpoch = batchesPerEpoch(train, training.batch);
  const { learningRate, weightDecay } = optimiser;
  const stop = new AbortController();
  let stepEnd = performance.now();
  let recentLoss = NaN;

  const result = await fit({
    params: start.params,
    masks: start.masks,
    optimizer: { adam, adamw: adamW }[optimiser.name]({ learningRate, weightDecay }),
    epochs: training.epochs,
    key: keysOf(config).train,
    batches: (epoch, index, key) => batches(train, { key, batchSize: training.batch, epoch, index }),
    async lossAndGrad(params, batch, key) {
      const { loss, grads, stats } = await task.lossAndGrad(params, batch, key);
      // Time since the step before, so that what happens between steps counts; it is summed like any metric and survives a resume.
      const now = performance.now();
      const seconds = (now - stepEnd) / 1000;
      stepEnd = now;
      return { loss, grads, metrics: { nfeForward: stats.nfe, nfeBackward: stats.nfeBackward, seconds } };
    },
    ...(training.patience === null
      ? {}
      : {
          validation: (params: Params) => task.nll(params, validation),
          keepBest: true,
          earlyStopping: { patience: training.patience },
        }),
    callbacks: {
      onStep({ epoch, batch, loss, metrics }) {
        recentLoss = Number.isNaN(recentLoss) ? loss : 0.9 * recentLoss + 0.1 * loss;
        onProgress({
          phase: 'train',
          epoch: epoch + (batch + 1) / perEpoch,
          epochs: training.epochs,
          loss: recentLoss,
          nfeForward: metrics['nfeForward']!,
          nfeBackward: metrics['nfeBackward']!,
        });
        if (shouldStop()) stop.abort();
      },
    },
    checkpoint: { store: fileCheckpointStore(statePath, { backend }), metadata: { address } },
    signal: stop.signal,
  });

  if (result.stopped === 'aborted') {
    disposeTree(result.params);
    return undefined;
  }
  const last = result.history.at(-1)?.metrics ?? {};
  return {
    params: result.params,
    record: {
      epochs: epochsBefore + result.epochs,
      nfeForward: last['nfeForward'] ?? 0,
      nfeBackward: last['nfeBackward'] ?? 0,
      seconds: result.history.reduce((sum, { metrics }) => sum + (metrics['seconds'] ?? 0) * perEpoch, 0),
    },
  };
}
