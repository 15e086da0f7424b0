import type { TfjsBackend } from '@sparseflow/backend-tfjs';
import { memoryCheckpointStore } from '@sparseflow/optim';
import { disposeTree, type Backend, type Params } from '@sparseflow/tensor';
import { expect, it } from 'vitest';
import { densityTask } from '../src/numerics/density.ts';
import { keysOf, toyDataOf } from '../src/numerics/model.ts';
import { inMemory } from '../src/numerics/pointData.ts';
import { pruneRound } from '../src/numerics/pruneRound.ts';
import { trainRound } from '../src/numerics/trainRound.ts';
import type { PointConfig } from '../src/plan.ts';
import type { ToyData } from '../src/study.ts';
import { tiny } from './tinyStudy.ts';

const { data, evaluation } = tiny.budgets.smoke;
/** A round's last step, and the last of its second epoch: all shapes have come up twice by then. */
const [STEPS, STEADY] = [9, 6];

/** The dense point of the tiny study, trained briefly. Solver steps of equal length, so that all training steps do the same. */
const dense: PointConfig = {
  numerics: 1,
  data: { ...(data as ToyData), trainPerComponent: 10, testPerComponent: 5 },
  net: tiny.net,
  solver: { method: 'rk4', steps: 2, adjoint: 'backsolve' },
  optimiser: tiny.optimiser,
  training: { epochs: 3, batch: 20, patience: null },
  evaluation,
  draw: null,
  method: 'dense',
  round: 0,
  keepRatio: 1,
  seed: 0,
  backend: 'any',
  parent: null,
};
/** Half of its weights removed before it is trained, and the study's own solver: error norms, steps that may be rejected, and masks. */
const pruned: PointConfig = { ...dense, method: 'unstructured', keepRatio: 0.5, solver: tiny.solver };

interface Trained {
  readonly start: readonly number[];
  readonly losses: readonly number[];
  readonly params: readonly number[];
  /** Negative log likelihood of the test set. */
  readonly nll: number;
}

/** Prunes and trains a point on a backend as the command line does, and evaluates it. */
async function trainOn(backend: Backend, config: PointConfig, onStep: () => void = () => {}): Promise<Trained> {
  const task = densityTask(config, backend);
  const start = await pruneRound(task, { params: task.init(keysOf(config).init), masks: {} }, config);
  const lean = await task.lean(start);
  const losses: number[] = [];
  const { params } = (await trainRound(lean.task, inMemory(toyDataOf(config)), start, config, {
    address: 'tiny',
    store: memoryCheckpointStore({ backend }),
    epochsBefore: 0,
    onProgress({ loss }) {
      losses.push(loss);
      onStep();
    },
    shouldStop: () => false,
  }))!;
  const nll = await lean.task.nll(params, toyDataOf(config).test, keysOf(config).analysis);
  lean.dispose();
  const read = async (tensors: Params): Promise<number[]> =>
    (await Promise.all(Object.values(tensors).map((p) => p.data()))).flatMap((values) => [...values]);
  const trained = { start: await read(start.params), losses, params: await read(params), nll };
  disposeTree([params, start.params, start.masks]);
  return trained;
}

/** What a study's training gives on a GPU, beside what it gives on the CPU. */
export function registerGpuTraining(createGpu: () => Promise<TfjsBackend>, createCpu: () => Backend): void {
  const deviceOf = (gpu: TfjsBackend): GPUDevice => (gpu.tfjs.kernelBackend as unknown as { device: GPUDevice }).device;

  it.each([
    ['dense, steps of fixed length', dense],
    ['half pruned, adaptive steps', pruned],
  ])(
    '%s: training and evaluation give the numbers of backend-cpu, and a steady step creates no buffer',
    { timeout: 120_000 },
    async (_, config) => {
      const gpu = await createGpu();
      const live = gpu.liveBuffers();
      const device = deviceOf(gpu);
      const errors: string[] = [];
      const note = (event: Event): void => void errors.push((event as GPUUncapturedErrorEvent).error.message);
      device.addEventListener('uncapturederror', note);
      const create = device.createBuffer.bind(device);
      let created = 0;
      const createdByStep: number[] = [];
      device.createBuffer = (descriptor) => {
        created++;
        return create(descriptor);
      };
      const onGpu = await trainOn(gpu, config, () => createdByStep.push(created));
      device.createBuffer = create;
      // Where steps adapt, one of more evaluations than any before needs the buffers of one solver step more, some forty; without reuse
      // every step would create 430 (dense) or 850 (pruned).
      const steady = createdByStep.slice(STEADY).map((n, i) => n - createdByStep[STEADY - 1 + i]!);
      if (config === dense) expect(Math.max(...steady)).toBe(0);
      expect(steady.filter((n) => n > 0).length).toBeLessThanOrEqual(1);
      expect(Math.max(...steady)).toBeLessThan(50);
      const onCpu = await trainOn(createCpu(), config);
      await device.queue.onSubmittedWorkDone();
      device.removeEventListener('uncapturederror', note);
      expect(errors).toEqual([]);
      expect(gpu.liveBuffers()).toBe(live);

      expect(onGpu.losses).toHaveLength(STEPS);
      // float32 rounds at 6e-8, and functions of a GPU may be off by some 1e-6. Adam divides gradients by their size, so that relative errors
      // of a step reach the parameters times the learning rate; nine of them stay below 1e-5, and 1e-4 leaves room for other drivers.
      onCpu.losses.forEach((loss, i) => expect(Math.abs(onGpu.losses[i]! - loss)).toBeLessThan(1e-4));
      expect(Math.abs(onGpu.nll - onCpu.nll)).toBeLessThan(1e-4);
      onCpu.params.forEach((p, i) => expect(Math.abs(onGpu.params[i]! - p)).toBeLessThan(1e-4));
      expect(Math.max(...onCpu.params.map((p, i) => Math.abs(p - onCpu.start[i]!)))).toBeGreaterThan(0.1);
    },
  );
}
