import { adam, adamW, disposeCheckpoint, fit } from '@sparseflow/optim';
import type { CheckpointStore } from '@sparseflow/optim';
import type { Key, Masks, Params } from '@sparseflow/tensor';
import { disposeTree } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { RunLog } from '../logs/runLog.ts';
import type { Progress } from '../run/executor.ts';
import type { TrainingRecord } from './checkpoints.ts';
import { nllOfRows, partOf } from './evaluate.ts';
import { learningRateFactor } from './learningRate.ts';
import { keysOf } from './model.ts';
import type { PointData } from './pointData.ts';
import type { Task } from './task.ts';

export interface TrainRoundOptions {
  readonly address: string;
  /** The training's state; training goes on from it. */
  readonly store: CheckpointStore;
  /** Epochs of the rounds before. */
  readonly epochsBefore: number;
  readonly log?: RunLog;
  /** Called after each epoch, with parameters that are lent until it returns. */
  onEpoch?(epoch: number, params: Params): Promise<void>;
  onProgress(progress: Progress): void;
  shouldStop(): boolean;
}

/**
 * The state of a training is saved after every step, so that a killed run loses the step under way. That takes half a millisecond, a step
 * of a toy flow 5 to 300. Where it takes more than this share of the time, as with millions of parameters, it is saved less often.
 */
const shareForSaving = 0.1;

/** But at least so often; and so often it is flushed to the disk, which takes some milliseconds, for when the machine itself stops. */
export const flushEverySeconds = 1;

/** Steps that are logged of one round, at most; epochs are logged in any case. */
const loggedSteps = 500;

/**
 * The training step of Algorithm 1: a fresh optimiser, masks applied after every update, one draw of noise per step.
 *
 * @param start stays the caller's.
 * @returns the trained parameters, the caller's to dispose; undefined when it was stopped, in which case its state is saved.
 */
export async function trainRound(
  task: Task,
  data: PointData,
  start: { readonly params: Params; readonly masks: Masks },
  config: PointConfig,
  { address, store, epochsBefore, log, onEpoch, onProgress, shouldStop }: TrainRoundOptions,
): Promise<{ readonly params: Params; readonly record: TrainingRecord } | undefined> {
  const { training, optimiser } = config;
  const perEpoch = data.batchesPerEpoch(training.batch);
  const { learningRate, weightDecay } = optimiser;
  const stop = new AbortController();
  let stepEnd = performance.now();
  let recentLoss = NaN;
  let recentSeconds = NaN;
  const logEvery = Math.ceil((training.epochs * perEpoch) / loggedSteps);
  const validations = training.decay === undefined ? [] : await validationsIn(store);

  const { whole, validation, logScale } = data;
  /** Cheaper than the likelihoods that are reported, where a whole validation set would cost more than training. */
  const validate = (params: Params, key: Key): Promise<number> => {
    const nll = task.estimatedNll ?? task.nll;
    const rows = partOf(validation, config.evaluation.validationRows);
    return whole ? nll(params, whole.validation, key) : nllOfRows((split) => nll(params, split, key), rows, key);
  };

  const result = await fit({
    params: start.params,
    masks: start.masks,
    optimizer: { adam, adamw: adamW }[optimiser.name]({ learningRate, weightDecay }),
    epochs: training.epochs,
    key: keysOf(config).train,
    batches: (epoch, index, key) => data.batches({ key, batchSize: training.batch, epoch, index }),
    async lossAndGrad(params, batch, key) {
      const { loss, grads, stats } = await task.lossAndGrad(params, batch, key);
      // Time since the step before, so that what happens between steps counts; it is summed like any metric and survives a resume.
      const now = performance.now();
      const seconds = (now - stepEnd) / 1000;
      stepEnd = now;
      return { loss, grads, metrics: { nfeForward: stats.nfe, nfeBackward: stats.nfeBackward, seconds } };
    },
    ...(training.patience === null && training.best === undefined ? {} : { validation: validate, keepBest: true }),
    ...(training.patience === null
      ? {}
      : // A learning rate that falls gets its own chance after each fall.
        { earlyStopping: { patience: training.patience * (1 + (training.decay?.times ?? 0)) } }),
    ...(training.decay === undefined && training.milestones === undefined
      ? {}
      : {
          schedule: (_step: number, epoch: number) => learningRate * learningRateFactor(training, epoch, validations),
        }),
    callbacks: {
      onStep({ step, epoch, batch, loss: ofRows, metrics, learningRate: scheduled = learningRate }) {
        const loss = ofRows + logScale;
        recentLoss = smooth(recentLoss, loss);
        recentSeconds = smooth(recentSeconds, metrics['seconds']!);
        const epochsDone = epoch + (batch + 1) / perEpoch;
        if (step === 0 || (step + 1) % logEvery === 0) {
          const values = { epoch: epochsDone, loss, ...metrics, learningRate: scheduled };
          log?.add({ type: 'step', step: step + 1, values });
        }
        onProgress({
          phase: 'train',
          epoch: epochsDone,
          epochs: training.epochs,
          loss: recentLoss,
          nfeForward: metrics['nfeForward']!,
          nfeBackward: metrics['nfeBackward']!,
          stepsPerSecond: 1 / recentSeconds,
        });
        if (shouldStop()) stop.abort();
      },
      async onEpoch({ epoch, loss, validation, metrics: { seconds = NaN, ...means }, params }) {
        const likelihoods = {
          loss: loss + logScale,
          validationNll: validation === undefined ? undefined : validation + logScale,
        };
        const values = { epoch: epoch + 1, ...likelihoods, ...means, seconds: seconds * perEpoch };
        if (validation !== undefined) validations.push(validation);
        log?.add({ type: 'epoch', step: (epoch + 1) * perEpoch, values });
        await onEpoch?.(epoch + 1, params);
      },
    },
    checkpoint: {
      store: {
        load: () => store.load(),
        save(state, options) {
          // Before the state, so that no step is missing from the log of a run that goes on from it.
          log?.flush();
          return store.save(state, options);
        },
      },
      everySeconds: flushEverySeconds,
      share: shareForSaving,
      metadata: { address },
    },
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

/** A running mean over about ten values. */
function smooth(mean: number, value: number): number {
  return Number.isNaN(mean) ? value : 0.9 * mean + 0.1 * value;
}

/** The validation losses of the epochs that a training has behind it. */
async function validationsIn(store: CheckpointStore): Promise<number[]> {
  const checkpoint = await store.load();
  if (checkpoint === undefined) return [];
  disposeCheckpoint(checkpoint);
  return (checkpoint.history ?? []).flatMap(({ validation }) => validation ?? []);
}
