import { fold, scope, splitKey, sub, sum, ValueError } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import type { Checkpoint, EpochRecord, TrainingCursor } from './checkpoint.ts';
import { TrainingDivergedError } from './errors.ts';
import type { FitOptions, FitResult, StepResult } from './fitTypes.ts';
import type { OptimizerState } from './optimizer.ts';
import { resume } from './resume.ts';
import { release, tensorsIn } from './stateTree.ts';

/** Everything the loop owns. Replacing an entry disposes what no entry holds any more. */
interface Owned {
  readonly params: Params;
  readonly state: OptimizerState;
  /** The last parameters whose loss was finite. */
  readonly good: Params;
  readonly best: Params | undefined;
}

/**
 * The training loop. It knows nothing of models: `lossAndGrad` computes the loss of a batch and its gradient, the optimiser makes the
 * step. Gradients, old parameters and old states are disposed as soon as they are not needed; also when anything throws.
 *
 * Batches, noise and order are functions of the key and the position, so with a checkpoint store a run that was killed and started again
 * gives the same bits as one that was not, on backends that compute the same bits again (those on the CPU).
 *
 * @throws {TrainingDivergedError} when a loss or, at the end of an epoch or before a checkpoint, a parameter is not finite. The last
 *   good parameters are in the error; the last checkpoint stays.
 * @throws {ResumeMismatchError} when the store holds a checkpoint of another run
 * @throws {ValueError} when an option is out of range, or an epoch has no batch
 *
 * @example
 * ```ts
 * import { adam, fit } from '@sparseflow/optim';
 * import { disposeTree, key, mean, square, sub, tensor, valueAndGrad, type Params, type Tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const { params, history } = await fit({
 *   params: { centre: tensor([0, 0], { backend }) },
 *   lossAndGrad(params, batch: Tensor) {
 *     const { value, grad } = valueAndGrad((p: Params) => mean(square(sub(batch, p.centre!))))(params);
 *     return { loss: value, grads: grad };
 *   },
 *   *batches() {
 *     const batch = tensor([[1, 2], [3, 4]], { backend });
 *     try {
 *       yield batch;
 *     } finally {
 *       batch.dispose();
 *     }
 *   },
 *   optimizer: adam({ learningRate: 0.1 }),
 *   epochs: 200,
 *   key: key(0),
 * });
 * console.log([...params.centre!.dataSync()].map((x) => x.toFixed(1)), history.length); // ['2.0', '3.0'] 200
 * disposeTree(params);
 * ```
 */
export async function fit<Batch>(options: FitOptions<Batch>): Promise<FitResult> {
  const { optimizer, key, masks, callbacks = {}, checkpoint, validation, signal } = options;
  checkOptions(options);
  // What follows must not land in a scope of the caller's, which would end before this function does.
  await Promise.resolve();
  const dataKey = splitKey(key)[0]!;
  const validationKey = splitKey(key)[1]!;

  const start = await resume(options);
  const owned = owner<Owned>({
    params: start.params,
    state: start.state,
    good: start.params,
    best: start.best?.params,
  });
  let cursor: TrainingCursor = start.cursor;
  let history: readonly EpochRecord[] = start.history;
  let best: { readonly epoch: number; readonly value: number } | undefined = start.best;
  let saved = start.resumed;
  const startedAt = performance.now();
  let savedAt = startedAt;
  let timeOfSaving = 0;
  let lastFiniteLoss: number | undefined;

  const diverged = (what: string): TrainingDivergedError => {
    const { step, epoch } = cursor;
    return new TrainingDivergedError(what, { step, epoch, lastFiniteLoss, params: owned.get().good });
  };

  const { store, everySteps, everySeconds, share, metadata } = checkpoint ?? {};
  const byTheClock = everySeconds !== undefined || share !== undefined;
  const everyEpochs = checkpoint?.everyEpochs ?? (byTheClock ? Infinity : 1);
  const isDue = (): boolean => {
    const now = performance.now();
    const isOverdue = everySeconds !== undefined && now - savedAt >= 1000 * everySeconds;
    return isOverdue || (share !== undefined && timeOfSaving <= share * (now - startedAt));
  };

  /**
   * @param when during an epoch, or at the end of one or of training. Where the clock chose the moment and training is about to diverge,
   *   that is for the next step to find, as without a clock.
   */
  const save = async (when: 'asked' | 'due' | 'end'): Promise<void> => {
    if (!store || saved) return;
    const began = performance.now();
    const { params, state, best: bestParams } = owned.get();
    if (!(await allFinite(params))) {
      if (when === 'due') return;
      throw diverged('a parameter became non-finite before a checkpoint');
    }
    const content: Checkpoint = { params, masks, optimizer: state, key, cursor, history, metadata };
    await store.save(best ? { ...content, best: { ...best, ...(bestParams && { params: bestParams }) } } : content, {
      interim: when !== 'end',
    });
    saved = true;
    savedAt = performance.now();
    timeOfSaving += savedAt - began;
  };

  const takeStep = async (batch: Batch): Promise<void> => {
    const { epoch, step } = cursor;
    const { params, state } = owned.get();
    const learningRate = options.schedule?.(step, epoch);
    const result = await options.lossAndGrad(params, batch, fold(key, step));
    let next: { params: Params; state: OptimizerState } | undefined;
    let loss: number;
    try {
      loss = await lossOf(result);
      if (!Number.isFinite(loss)) throw diverged(`the loss is ${loss}`);
      lastFiniteLoss = loss;
      next = scope(() => optimizer.update(result.grads, state, params, { masks, learningRate }));
      owned.set({ ...next, good: params });
    } finally {
      release([result.grads, result.loss], next, owned.get());
    }
    const metrics = result.metrics ?? {};
    cursor = {
      epoch,
      batch: cursor.batch + 1,
      step: step + 1,
      lossSum: cursor.lossSum + loss,
      metricSums: Object.fromEntries(
        Object.entries(metrics).map(([name, value]) => [name, (cursor.metricSums[name] ?? 0) + value]),
      ),
    };
    saved = false;
    await callbacks.onStep?.({
      step,
      epoch,
      batch: cursor.batch - 1,
      loss,
      metrics,
      learningRate,
      params: next.params,
    });
  };

  /** False when the signal stopped it. */
  const runEpoch = async (): Promise<boolean> => {
    for await (const batch of options.batches(cursor.epoch, cursor.batch, dataKey)) {
      // Here the cursor names a batch that exists: data sets need not know of a position after their last.
      const { batch: done, step } = cursor;
      if (signal?.aborted) return false;
      if (done > 0 && everySteps !== undefined && step % everySteps === 0) await save('asked');
      else if (isDue()) await save('due');
      await takeStep(batch);
    }
    return true;
  };

  const endEpoch = async (): Promise<void> => {
    const { epoch, batch: count, lossSum, metricSums, step } = cursor;
    if (count === 0) throw new ValueError('fit', `epoch ${epoch} has no batch`, 'yield at least one from batches');
    const { params } = owned.get();
    if (!(await allFinite(params))) throw diverged('a parameter became non-finite in the last update');
    const value = await validation?.(params, validationKey, epoch);
    const record: EpochRecord = {
      epoch,
      loss: lossSum / count,
      ...(value !== undefined && { validation: value }),
      metrics: Object.fromEntries(Object.entries(metricSums).map(([name, total]) => [name, total / count])),
    };
    const improved = value !== undefined && value < (best?.value ?? Infinity);
    if (improved) {
      best = { epoch, value };
      if (options.keepBest) owned.set({ best: params });
    }
    history = [...history, record];
    cursor = { epoch: epoch + 1, batch: 0, step, lossSum: 0, metricSums: {} };
    saved = false;
    await callbacks.onEpoch?.({ ...record, improved, params });
    if ((epoch + 1) % everyEpochs === 0) await save('end');
  };

  try {
    let stopped: FitResult['stopped'] | undefined;
    while (!stopped) {
      if (cursor.epoch >= options.epochs) stopped = 'completed';
      else if (isStalled(history, options.earlyStopping)) stopped = 'earlyStopping';
      else if (signal?.aborted) stopped = 'aborted';
      else if (await runEpoch()) await endEpoch();
    }
    await save('end');
    const { params, best: bestParams } = owned.get();
    const chosen = bestParams ?? params;
    owned.keepOnly(chosen);
    return {
      params: chosen,
      stopped,
      epochs: cursor.epoch,
      steps: cursor.step,
      history,
      ...(best && { best: { epoch: best.epoch, value: best.value } }),
    };
  } catch (error) {
    owned.keepOnly(error instanceof TrainingDivergedError ? error.params : undefined);
    throw error;
  }
}

function checkOptions<Batch>({ epochs, validation, keepBest, earlyStopping, checkpoint }: FitOptions<Batch>): void {
  const counts: [string, number | undefined, number][] = [
    ['epochs', epochs, 0],
    ['earlyStopping.patience', earlyStopping?.patience, 1],
    ['checkpoint.everySteps', checkpoint?.everySteps, 1],
    ['checkpoint.everyEpochs', checkpoint?.everyEpochs, 1],
  ];
  for (const [name, value, least] of counts) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
      throw new ValueError('fit', `${name} is ${value}`, `give an integer, at least ${least}`);
    }
  }
  const { everySeconds = 0, share = 0 } = checkpoint ?? {};
  if (!(everySeconds >= 0)) {
    throw new ValueError('fit', `checkpoint.everySeconds is ${everySeconds}`, 'give a number of seconds, at least 0');
  }
  if (!(share >= 0 && share <= 1)) {
    throw new ValueError('fit', `checkpoint.share is ${share}`, 'give a share of the time, from 0 to 1');
  }
  if ((keepBest || earlyStopping) && !validation) {
    throw new ValueError('fit', 'keepBest and earlyStopping compare validation values', 'give validation');
  }
}

function owner<T extends object>(initial: T) {
  let slots = initial;
  return {
    get: () => slots,
    set(change: Partial<T>): void {
      const before = slots;
      slots = { ...slots, ...change };
      release(before, slots);
    },
    keepOnly: (kept: unknown) => release(slots, kept),
  };
}

async function lossOf({ loss }: StepResult): Promise<number> {
  if (typeof loss === 'number') return loss;
  if (loss.size !== 1) {
    throw new ValueError('fit', `the loss has shape [${loss.shape}]`, 'give its mean or sum over the batch');
  }
  return (await loss.data())[0]!;
}

/** One small download for all parameters: Infinity - Infinity and NaN - NaN are NaN, and so are all sums with them. */
async function allFinite(params: Params): Promise<boolean> {
  const flags = scope(() => [...tensorsIn(params)].map((x) => sum(sub(x, x))));
  try {
    const values = await Promise.all(flags.map((flag) => flag.data()));
    return values.every((value) => value[0] === 0);
  } finally {
    release(flags);
  }
}

/** True when the last `patience` epochs did not lower validation by more than `minDelta`. */
function isStalled(history: readonly EpochRecord[], rule: FitOptions<unknown>['earlyStopping']): boolean {
  if (!rule) return false;
  let lowest = Infinity;
  let waited = 0;
  for (const { validation = Infinity } of history) {
    if (validation < lowest - (rule.minDelta ?? 0)) {
      lowest = validation;
      waited = 0;
    } else waited++;
  }
  return waited >= rule.patience;
}
