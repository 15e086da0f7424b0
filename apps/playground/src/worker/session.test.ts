import { createCpuBackend } from '@sparseflow/backend-cpu';
import { cnf, mlp } from '@sparseflow/cnf';
import { batches } from '@sparseflow/datasets';
import { adamW, disposeState, encodeCheckpoint } from '@sparseflow/optim';
import { disposeTree, fold, key, splitKey } from '@sparseflow/tensor';
import { afterEach, expect, it } from 'vitest';
import { viewNames } from '../protocol.ts';
import { defaults, type Settings } from '../settings.ts';
import type { Opened } from './backends.ts';
import { curvatureOf } from './curvature.ts';
import { readModel } from './files.ts';
import { modelOf } from './model.ts';
import { Detail, matricesOf, pictureOf } from './pictures.ts';
import { pruneTo, runSparseFlow } from './prune.ts';
import { keysOf, Session } from './session.ts';

const backend = createCpuBackend({ path: 'wasm', threads: 1 });
const opened: Opened = {
  name: 'wasm',
  backend,
  report: () => ({ name: 'wasm', text: '' }),
  isFast: () => false,
};
const sizes = { trainPerMode: 100, testPerMode: 50, validationShare: 0.1 };
const density: Settings = { ...defaults, hidden: 8, batch: 32, sizes };
const classification: Settings = { ...density, task: 'classification', data: 'moons' };
const noSignal = new AbortController().signal;

afterEach(() => {
  expect(backend.liveBuffers()).toBe(0);
});

const losses = async (session: Session, count: number): Promise<number[]> => {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push(...(await session.step()).map(({ loss }) => loss));
  return all;
};

it.each([density, classification])('everything frees what it makes: $task', async (settings) => {
  const session = await Session.fresh(settings, opened);
  await losses(session, 2);
  await pruneTo(session, 'unstructured', 0.5);
  await losses(session, 2);
  await pruneTo(session, 'structured', 0.3);
  for (const learner of session.learners) {
    for (const view of viewNames) {
      const picture = await pictureOf(session, learner, view, 3, 'coarse', new Detail());
      expect(picture.measured.nll).toBeGreaterThan(0);
    }
    await matricesOf(learner);
  }
  const sparse = session.learner('sparse')!;
  const { top, trace } = await curvatureOf(session, sparse, noSignal, () => undefined);
  expect(top.error).toBeLessThan(0.05 * Math.abs(top.value));
  expect(trace.error).toBeGreaterThan(0);
  session.unprune();
  session.dispose();
});

it('kept models go on with the same bits, dense, sparse and control', async () => {
  const session = await Session.fresh(density, opened);
  await losses(session, 3);
  await pruneTo(session, 'unstructured', 0.4);
  await losses(session, 2);
  const kept = await session.keep();
  const restored = await Session.restored(density, opened, kept);
  expect(restored.reports).toEqual(session.reports);
  expect(await losses(restored, 3)).toEqual(await losses(session, 3));
  session.dispose();
  restored.dispose();
});

it.each([
  [density, 'unstructured'],
  [density, 'structured'],
  [classification, 'unstructured'],
] as const)('a pruned model computes without what is pruned, and learns the same: %o', async (settings, structure) => {
  const wide = { ...settings, hidden: 32 };
  const session = await Session.fresh(wide, opened);
  await pruneTo(session, structure, 0.2);
  const { params, masks } = session.learner('sparse')!;
  // The same masks on a model that computes with them all.
  const plain = modelOf(wide, backend);
  const optimizer = adamW({ learningRate: wide.learningRate, weightDecay: 1e-5 });
  const { train } = keysOf(wide.seed, 1);
  const perEpoch = batches(session.data.train, { key: splitKey(train)[0]!, batchSize: wide.batch, epochs: 1 });
  const batch = perEpoch.next().value!;
  const { loss, grads } = await plain.lossAndGrad(params, batch, fold(train, 0));
  const state = optimizer.init(params);
  const after = optimizer.update(grads, state, params, { masks });
  const expected = Object.values(after.params).map((x) => Float32Array.from(x.dataSync()));
  const value = loss.dataSync()[0]!;
  disposeTree([loss, grads, after.params]);
  disposeState(after.state);
  disposeState(state);

  const [sparse] = await session.step();
  // float32 over the solve's operations; Adam's first step turns a gradient into its sign, so that near 0 it can be any.
  expect(Math.abs(sparse!.loss - value)).toBeLessThan(1e-4 * Math.abs(value));
  const actual = Object.values(session.learner('sparse')!.params).map((x) => Float32Array.from(x.dataSync()));
  const off = actual.flatMap((values, i) => [...values].filter((v, j) => Math.abs(v - expected[i]![j]!) > 1e-4));
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  expect(off.length).toBeLessThan(0.01 * actual.reduce((n, { length }) => n + length, 0));
  session.dispose();
});

it('the control is what the dense model becomes when nothing is pruned', async () => {
  const session = await Session.fresh(density, opened);
  await losses(session, 2);
  await pruneTo(session, 'unstructured', 1);
  const results = await session.step();
  expect(results.map(({ model }) => model)).toEqual(['sparse', 'control']);
  expect(results[0]!.loss).toBe(results[1]!.loss);
  session.dispose();
});

it('Algorithm 1 reaches its ratio in its rounds, trains both equally, and stops where a step throws', async () => {
  const session = await Session.fresh(density, opened);
  await losses(session, 1);
  const request = { type: 'sparseFlow', structure: 'unstructured', keep: 0.3, rounds: 3, steps: 2 } as const;
  const rounds: number[] = [];
  await runSparseFlow(
    session,
    request,
    ({ keep }) => rounds.push(keep),
    () => losses(session, 1).then(() => undefined),
  );
  expect(rounds).toHaveLength(3);
  expect(rounds[2]).toBe(0.3);
  const [dense, sparse, control] = session.reports;
  // Neurons that nothing reads go with the weights: sizes come in steps of a few.
  expect(Math.abs(sparse!.kept / sparse!.parameters - 0.3)).toBeLessThan(0.02);
  expect([dense!.steps, sparse!.steps, control!.steps]).toEqual([1, 7, 7]);
  const stop = (): Promise<void> => Promise.reject(new Error('stop'));
  await expect(runSparseFlow(session, request, () => undefined, stop)).rejects.toThrow('stop');
  expect(session.learners).toHaveLength(3);
  session.dispose();
});

it('a file that is of no model of the plane leaves nothing behind', async () => {
  const session = await Session.fresh(density, opened);
  const [kept] = await session.keep();
  session.dispose();
  expect(() => readModel('cut', kept!.bytes.slice(0, -1), density, backend)).toThrow('cut is damaged or cut off');
  const solid = cnf({ field: mlp({ dim: 3, hidden: [8], activation: 'tanh' }) }).init(key(1), { backend });
  const bytes = await encodeCheckpoint({ params: solid });
  disposeTree(solid);
  expect(() => readModel('solid', bytes, density, backend)).toThrow('solid is of a model that cannot be shown here');
  const { checkpoint } = readModel('whole', kept!.bytes, density, backend);
  const learner = new Session(density, opened);
  await learner.adopt({ checkpoint, settings: density, position: { round: 0, step: 0, total: 0 } });
  learner.dispose();
});
