import { firstRows, readRows } from '@sparseflow/datasets';
import type { Rows } from '@sparseflow/datasets';
import type { Params } from '@sparseflow/tensor';
import { disposeTree, fold } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { ConcreteBackendName } from './backends.ts';
import { isOnGpu, openBackend } from './backends.ts';
import { isMlp } from '../study.ts';
import { keysOf } from './model.ts';
import type { PointData } from './pointData.ts';
import { openData } from './openData.ts';
import { rowsOf } from './evaluate.ts';
import type { Task } from './task.ts';
import { taskOf } from './task.ts';

/** What a few training steps took here. */
export interface Calibration {
  readonly steps: number;
  /** Rows of each, where a whole batch would take too long to try; times and memory are scaled to whole batches. */
  readonly rows: number;
  readonly secondsPerStep: number;
  /** Field evaluations per step, at the random initialisation. */
  readonly nfeForward: number;
  readonly nfeBackward: number;
  readonly stepsPerEpoch: number;
  /** Time to evaluate one row with the exact trace, and the rows that are evaluated after training. */
  readonly secondsPerRow: number;
  readonly evaluatedRows: number;
  readonly parameters: number;
  /** By which the process grew. */
  readonly bytes: number;
}

/** Steps after which no more are taken, and steps before that are not counted. */
const enough = { steps: 60, warmUp: 8 };

/** Rows times multiplications of a row that are tried at once: a step of them takes about a second on one core. */
const affordable = 2e7;

/** What a step takes is about proportional to its rows once there are as many as these; convolutions work on many places of each. */
const fewestRows = { dense: 8, convolutions: 2 };

/**
 * A clock in milliseconds. Processor time, where that is what computes: then other programs do not count, which a run of hours will not have
 * beside it.
 */
function clockOf(backend: ConcreteBackendName): () => number {
  if (isOnGpu(backend)) return () => performance.now();
  return () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
}

/**
 * Takes the first training steps of a configuration, without updating anything, and evaluates some rows.
 *
 * @param enoughTime milliseconds after which no more steps are taken; those before that are not counted take a quarter of it.
 */
export async function calibrate(
  config: PointConfig,
  threads: number,
  dataDir: string | undefined,
  enoughTime: number,
): Promise<Calibration> {
  const before = process.memoryUsage.rss();
  const name = config.backend as ConcreteBackendName;
  const now = clockOf(name);
  const backend = await openBackend(name, threads);
  const task = taskOf(config, backend);
  const data = await openData(config, dataDir);
  const keys = keysOf(config);
  const params = task.init(keys.init);
  const parameters = Object.values(params).reduce((sum, { size }) => sum + size, 0);
  const { batch: whole, rowsAtOnce = whole } = config.training;
  const batchSize = data.whole ? whole : Math.min(whole, affordableRows(params, task.positions));
  const scale = whole / batchSize;
  const inMemory = (rows: number): number => Math.min(rows, rowsAtOnce);
  let [steps, milliseconds, nfeForward, nfeBackward] = [0, 0, 0, 0];
  try {
    // The first steps compile and allocate, and do not count.
    const batch = await readRows(firstRows(data.train, batchSize), keys.train);
    const small = Math.ceil(batchSize / 4);
    if (scale > 1) {
      // What grows from a quarter of the rows to all of them is what rows need; the rest is needed once.
      const { loss, grads } = await task.lossAndGrad(params, rowsOf(batch, 0, small), keys.train);
      disposeTree([loss, grads]);
    }
    const withFew = process.memoryUsage.rss();
    const warm = now();
    for (let taken = -enough.warmUp; taken < enough.steps && milliseconds < enoughTime; taken++) {
      const started = now();
      const { loss, grads, stats } = await task.lossAndGrad(params, batch, fold(keys.train, taken + enough.warmUp));
      await loss.data();
      disposeTree([loss, grads]);
      if (taken < 0) {
        // Long steps are warm after one.
        if (now() - warm > enoughTime / 4) taken = -1;
        continue;
      }
      milliseconds += now() - started;
      steps += 1;
      nfeForward += stats.nfe;
      nfeBackward += stats.nfeBackward;
    }
    const some = await readRows(firstRows(data.validation, data.whole ? 256 : Math.min(256, batchSize)), keys.train);
    const started = now();
    await task.nll(params, some, keys.analysis);
    return {
      steps,
      rows: batchSize,
      secondsPerStep: (scale * milliseconds) / steps / 1000,
      nfeForward: nfeForward / steps,
      nfeBackward: nfeBackward / steps,
      stepsPerEpoch: data.batchesPerEpoch(whole),
      secondsPerRow: (now() - started) / 1000 / some.count,
      parameters,
      evaluatedRows: evaluatedRows(config, data),
      bytes:
        Math.max(0, withFew - before) +
        (Math.max(0, process.memoryUsage.rss() - withFew) * (inMemory(whole) - inMemory(small))) /
          Math.max(1, inMemory(batchSize) - inMemory(small)),
    };
  } finally {
    disposeTree(params);
    await data.close();
  }
}

function affordableRows(params: Params, positions: Task['positions']): number {
  const multiplications = Object.entries(params).reduce(
    (sum, [name, { size }]) => sum + size * (positions?.[name] ?? 1),
    0,
  );
  const convolves = Object.values(positions ?? {}).some((count) => count > 1);
  return Math.max(convolves ? fewestRows.convolutions : fewestRows.dense, Math.floor(affordable / multiplications));
}

/** Rows whose likelihood is evaluated after training, with those of the density that is drawn. */
function evaluatedRows({ net, evaluation, draw }: PointConfig, { train, validation, test }: PointData): number {
  const { trainRows, validationRows, testRows, grid } = evaluation;
  const most = (rows: Rows, count: number | null): number => Math.min(rows.count, count ?? Infinity);
  const drawn = draw !== null && isMlp(net) ? grid ** 2 : 0;
  return most(train, trainRows) + most(validation, validationRows) + most(test, testRows) + drawn;
}
