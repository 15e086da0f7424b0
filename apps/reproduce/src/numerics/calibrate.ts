import { batches, batchesPerEpoch } from '@sparseflow/datasets';
import { disposeTree, fold } from '@sparseflow/tensor';
import type { PointConfig } from '../plan.ts';
import type { ConcreteBackendName } from './backends.ts';
import { openBackend } from './backends.ts';
import { dataOf, keysOf } from './model.ts';
import { taskOf } from './task.ts';

/** What a few training steps took here. */
export interface Calibration {
  readonly steps: number;
  readonly secondsPerStep: number;
  /** Field evaluations per step, at the random initialisation. */
  readonly nfeForward: number;
  readonly nfeBackward: number;
  readonly stepsPerEpoch: number;
  /** Time to evaluate one row with the exact trace. */
  readonly secondsPerRow: number;
  readonly parameters: number;
  /** By which the process grew. */
  readonly bytes: number;
}

/** Milliseconds after which no more steps are taken, their number in any case, and steps before that are not counted. */
const enough = { milliseconds: 1500, steps: 60, warmUp: 8 };

/**
 * A clock in milliseconds. Processor time, where that is what computes: then other programs do not count, which a run of hours will not have
 * beside it.
 */
function clockOf(backend: ConcreteBackendName): () => number {
  if (backend === 'tfjs-webgpu' || backend === 'tfjs-node-gpu' || backend === 'tfjs-webgl')
    return () => performance.now();
  return () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
}

/** Takes the first training steps of a configuration, without updating anything, and evaluates some rows. */
export async function calibrate(config: PointConfig, threads: number): Promise<Calibration> {
  const before = process.memoryUsage.rss();
  const name = config.backend as ConcreteBackendName;
  const now = clockOf(name);
  const backend = await openBackend(name, threads);
  const task = taskOf(config, backend);
  const { train, validation } = dataOf(config);
  const keys = keysOf(config);
  const params = task.init(keys.init);
  const batchSize = config.training.batch;
  let [steps, milliseconds, nfeForward, nfeBackward] = [0, 0, 0, 0];
  try {
    // The first steps compile and allocate, and do not count.
    for (let taken = -enough.warmUp; taken < enough.steps && milliseconds < enough.milliseconds; taken++) {
      const [batch] = batches(train, { key: keys.train, batchSize, epoch: 0, index: 0 });
      const started = now();
      const { loss, grads, stats } = await task.lossAndGrad(params, batch!, fold(keys.train, taken + enough.warmUp));
      await loss.data();
      disposeTree([loss, grads]);
      if (taken < 0) continue;
      milliseconds += now() - started;
      steps += 1;
      nfeForward += stats.nfe;
      nfeBackward += stats.nfeBackward;
    }
    const rows = { ...validation, count: Math.min(validation.count, 256) };
    const some = { ...rows, points: validation.points.subarray(0, rows.count * validation.dim) };
    const started = now();
    await task.nll(params, validation.labels ? { ...some, labels: validation.labels.subarray(0, rows.count) } : some);
    return {
      steps,
      secondsPerStep: milliseconds / steps / 1000,
      nfeForward: nfeForward / steps,
      nfeBackward: nfeBackward / steps,
      stepsPerEpoch: batchesPerEpoch(train, batchSize),
      secondsPerRow: (now() - started) / 1000 / rows.count,
      parameters: Object.values(params).reduce((sum, { size }) => sum + size, 0),
      bytes: Math.max(0, process.memoryUsage.rss() - before),
    };
  } finally {
    disposeTree(params);
  }
}
