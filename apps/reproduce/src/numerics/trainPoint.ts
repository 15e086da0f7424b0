import { TrainingDivergedError } from '@sparseflow/optim';
import { fileCheckpointStore } from '@sparseflow/optim/node';
import { sparsityReport } from '@sparseflow/pruning';
import { disposeTree } from '@sparseflow/tensor';
import type { Backend, Params } from '@sparseflow/tensor';
import type { LogRow, RunLog } from '../logs/runLog.ts';
import { openRunLog } from '../logs/runLog.ts';
import { loadPruner } from '../pruners.ts';
import { readSnapshots, saveSnapshot, snapshotEpochs } from '../results/snapshots.ts';
import type { Artefact } from '../results/store.ts';
import type { Handlers, Job, Outcome } from '../run/executor.ts';
import type { ConcreteBackendName } from './backends.ts';
import { openBackend } from './backends.ts';
import type { TrainedFlow } from './checkpoints.ts';
import { findTrained, findTrainingState, saveTrained } from './checkpoints.ts';
import { divergenceReason } from './divergence.ts';
import { evaluateLikelihoods } from './evaluate.ts';
import { keysOf } from './model.ts';
import { objectiveOfPoint } from './objective.ts';
import type { PointData } from './pointData.ts';
import { openData } from './openData.ts';
import { pruneRound } from './pruneRound.ts';
import type { Asked } from './pruneRound.ts';
import type { LeanTask, Task } from './task.ts';
import { taskOf } from './task.ts';
import { flushEverySeconds, trainRound } from './trainRound.ts';

export interface TrainHooks extends Handlers {
  /** Asked between training steps and between evaluations. */
  shouldStop(): boolean;
}

/**
 * Computes one point: one round of Algorithm 1 (from the parent's parameters and masks: prune, train) and its evaluation. A finished
 * round is not trained again, an interrupted one goes on where it stopped.
 *
 * @returns `diverged`, with the reason, when the solver or the loss breaks down; any other failure is thrown.
 */
export async function trainPoint(job: Job, hooks: TrainHooks): Promise<Outcome> {
  const { config } = job.planned;
  const backend = await openBackend(config.backend as ConcreteBackendName, job.threads);
  const started = performance.now();
  const secondsSince = (): number => Math.round(performance.now() - started) / 1000;
  const log = logOf(job, hooks);
  /** The last row of the log. */
  const logged = <T extends Outcome>(outcome: T): T => {
    if (outcome.status === 'ok' || outcome.status === 'diverged') log.add(resultRow(outcome));
    log.flush();
    return outcome;
  };
  let trained: TrainedFlow | undefined;
  let executed: LeanTask | undefined;
  const data = await openData(config, job.dataDir);
  try {
    trained = await trainedFlow(job, data, backend, log, hooks);
    if (trained === undefined || hooks.shouldStop()) return { status: 'stopped' };
    const { params, masks, record } = trained;
    const evaluationStarted = performance.now();
    const { epochs } = config.training;
    const { nfeForward, nfeBackward } = record;
    hooks.onProgress({ phase: 'evaluate', epoch: epochs, epochs, loss: NaN, nfeForward, nfeBackward });

    executed = await taskOf(config, backend).lean(trained);
    const { task } = executed;
    const likelihoods = await evaluateLikelihoods(task, params, data, config.evaluation, keysOf(config).analysis);
    const unusable = Object.entries(likelihoods).find(([, value]) => !Number.isFinite(value));
    const { size } = await sparsityReport(params, masks);
    if (unusable !== undefined) {
      return logged({
        status: 'diverged',
        reason: `the ${unusable[0]} is ${unusable[1]}`,
        parameters: size,
        epochs: record.epochs,
        seconds: record.seconds,
      });
    }
    if (hooks.shouldStop()) return { status: 'stopped' };
    const quantities = await task.quantities?.(params, data, likelihoods);
    const artefact = config.draw === null ? {} : { artefact: await drawn(job, task, params, data, hooks) };
    const seconds = Math.round(record.seconds * 1000 + performance.now() - evaluationStarted) / 1000;
    const measured = {
      parameters: size,
      epochs: record.epochs,
      ...likelihoods,
      nfeForward: round(nfeForward),
      nfeBackward: round(nfeBackward),
      ...(quantities === undefined ? {} : { quantities }),
    };
    return logged({ status: 'ok', measured, seconds, ...artefact });
  } catch (error) {
    const reason = divergenceReason(error);
    if (reason === undefined) throw error;
    return logged({
      status: 'diverged',
      reason,
      parameters: null,
      epochs: trained?.record.epochs ?? 0,
      seconds: secondsSince(),
    });
  } finally {
    await data.close();
    executed?.dispose();
    if (trained !== undefined) disposeTree([trained.params, trained.masks]);
  }
}

/** The flow after this point's round of training; undefined when it was stopped. */
async function trainedFlow(
  job: Job,
  data: PointData,
  backend: Backend,
  log: RunLog,
  hooks: TrainHooks,
): Promise<TrainedFlow | undefined> {
  const { checkpoints, fresh } = job;
  const { config, address, label } = job.planned;
  const warn = warnBy(hooks);
  const finished = findTrained(checkpoints, address, backend, warn);
  if (finished.value !== undefined) {
    if (!fresh) return finished.value;
    disposeTree([finished.value.params, finished.value.masks]);
  }
  const statePath = findTrainingState(checkpoints, address, backend, warn);
  const store = fileCheckpointStore(statePath, { backend, flushEverySeconds });
  if (fresh) await store.remove();

  const task = taskOf(config, backend);
  const parent = config.parent === null ? undefined : findTrained(checkpoints, config.parent, backend, warn).value;
  if (config.parent !== null && parent === undefined) {
    throw new Error(`${label}: the checkpoint ${config.parent} that it continues from is missing from ${checkpoints}`);
  }
  const asked = await askedPruner(job, task, data, backend, warn);
  const start = await pruneRound(
    task,
    parent ?? { params: task.init(keysOf(config).init), masks: {} },
    config,
    asked,
  ).finally(() => disposeTree(asked?.seen.before ?? {}));
  let masksKept = false;
  let executed: LeanTask | undefined;
  try {
    executed = await task.lean(start);
    const result = await trainRound(executed.task, data, start, config, {
      address,
      store,
      epochsBefore: parent?.record.epochs ?? 0,
      log,
      ...(config.draw !== null &&
        config.method === 'dense' && {
          onEpoch: (epoch, params) => keepSamples(job, executed!.task, epoch, params),
        }),
      onProgress: throttled(hooks.onProgress),
      shouldStop: hooks.shouldStop,
    });
    if (result === undefined) return undefined;
    const trained = { ...result, masks: start.masks };
    masksKept = true;
    await saveTrained(finished.path, address, trained);
    await store.remove();
    return trained;
  } catch (error) {
    // The state of a run that diverged leads nowhere: it would diverge again.
    if (divergenceReason(error) !== undefined) await store.remove();
    if (error instanceof TrainingDivergedError) disposeTree(error.params);
    throw error;
  } finally {
    executed?.dispose();
    disposeTree(masksKept ? start.params : [start.params, start.masks]);
  }
}

/** Keeps samples of a model under training, at some epochs. */
async function keepSamples({ planned, checkpoints }: Job, task: Task, epoch: number, params: Params): Promise<void> {
  if (task.sample === undefined || !snapshotEpochs(epoch).includes(epoch)) return;
  try {
    saveSnapshot(checkpoints, planned.address, epoch, await task.sample(params));
  } catch (error) {
    // A model that cannot be drawn yet may still become one that can.
    if (divergenceReason(error) === undefined) throw error;
  }
}

/** What the figures need of a point: its model, and what was kept while it was trained. */
async function drawn(job: Job, task: Task, params: Params, data: PointData, hooks: TrainHooks): Promise<Artefact> {
  const { config, address } = job.planned;
  const { extent, arrays } = await task.draw(params, data, config.draw!.extent);
  const kept = readSnapshots(job.checkpoints, address, config.training.epochs, warnBy(hooks));
  return { extent, arrays: { ...arrays, ...kept } };
}

function warnBy({ onWarning }: TrainHooks): (path: string, reason: string) => void {
  return (path, reason) => onWarning(`${path} cannot be used and is left alone: ${reason}`);
}

/** The log of a point, whose first line says what it is. */
function logOf({ planned: { address, label, config }, logs }: Job, hooks: TrainHooks): RunLog {
  return openRunLog(logs ?? {}, { address, label, config }, warnBy(hooks));
}

/** What came of a point; after all its steps, however many there were. */
function resultRow(outcome: Extract<Outcome, { status: 'ok' | 'diverged' }>): LogRow {
  const { status, seconds } = outcome;
  if (status === 'diverged')
    return { type: 'result', step: 0, values: { seconds }, notes: { status, reason: outcome.reason } };
  const { quantities = {}, ...numbers } = outcome.measured;
  const others = Object.fromEntries(Object.entries(quantities).map(([name, { value }]) => [name, value]));
  return {
    type: 'result',
    step: outcome.measured.epochs,
    values: { ...numbers, ...others, seconds },
    notes: { status },
  };
}

/** The pruner that `--pruner` asked for, with what it needs: `before` is what the parent's training started from. */
async function askedPruner(
  { planned: { pruner: choice, config, grandparent, label }, checkpoints }: Job,
  task: Task,
  data: PointData,
  backend: Backend,
  warn: (path: string, reason: string) => void,
): Promise<Asked | undefined> {
  if (choice === undefined) return undefined;
  const pruner = await loadPruner(choice);
  const objective = await objectiveOfPoint(task, data, config);
  if (!pruner.needs?.includes('before')) return { pruner, seen: { objective } };
  if (typeof grandparent !== 'string') {
    return { pruner, seen: { objective, before: task.init(keysOf(config).init) } };
  }
  const earlier = findTrained(checkpoints, grandparent, backend, warn).value;
  if (earlier === undefined) {
    throw new Error(
      `${label}: the checkpoint ${grandparent} that its parent continued from is missing from ${checkpoints}`,
    );
  }
  disposeTree(earlier.masks);
  return { pruner, seen: { objective, before: earlier.params } };
}

/** Means over an epoch need no more digits than this. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Passes on at most five calls a second, so that messages between threads cost nothing. */
function throttled<T>(call: (value: T) => void): (value: T) => void {
  let last = -Infinity;
  return (value) => {
    const now = performance.now();
    if (now - last < 200) return;
    last = now;
    call(value);
  };
}
