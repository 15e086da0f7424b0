import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { key, normal } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { npyFile } from '../../test/npyFile.ts';
import { findData } from '../data/findData.ts';
import type { PlannedPoint, PointConfig } from '../plan.ts';
import { planStudy } from '../plan.ts';
import type { Outcome } from '../run/executor.ts';
import { miniboone } from '../studies/miniboone.ts';
import { mnist } from '../studies/mnist.ts';
import { modeCollapseMnist } from '../studies/mode-collapse-mnist.ts';
import type { AnalysisStudy, FileData, Method, Study, TrainingStudy } from '../study.ts';
import { fileDataOf } from '../study.ts';
import { calibrate } from './calibrate.ts';
import { computePoint } from './computePoint.ts';
import { densityTask } from './density.ts';
import type { Task } from './task.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'files-'));
  vi.stubEnv('XDG_CACHE_HOME', join(directory, 'cache'));
  for (const folder of ['miniboone', 'mnist']) mkdirSync(join(directory, folder));
  writeFileSync(join(directory, 'miniboone/data.npy'), npyFile(60, 43));
  const idx = (sizes: readonly number[], level: (i: number) => number): Buffer => {
    const bytes = Buffer.alloc(4 + 4 * sizes.length + sizes.reduce((n, m) => n * m, 1));
    bytes[2] = 8;
    bytes[3] = sizes.length;
    sizes.forEach((size, i) => bytes.writeUInt32BE(size, 4 + 4 * i));
    return bytes.map((byte, i) => (i < 4 + 4 * sizes.length ? byte : level(i))) as Buffer;
  };
  for (const [name, count] of [
    ['train', 24],
    ['t10k', 8],
  ] as const) {
    writeFileSync(
      join(directory, `mnist/${name}-images-idx3-ubyte`),
      idx([count, 28, 28], (i) => (i * 37) % 256),
    );
    writeFileSync(
      join(directory, `mnist/${name}-labels-idx1-ubyte`),
      idx([count], (i) => i % 10),
    );
  }
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** The smoke budget, smaller still. */
function smallest(study: TrainingStudy, rows: FileData['rows'], width: number): TrainingStudy {
  const { smoke } = study.budgets;
  const net = { ...smoke.instead!.net!, hidden: [width] } as TrainingStudy['net'];
  const data = { ...smoke.data, ...(rows && { rows }) } as FileData;
  const plan = { ...smoke, data, instead: { ...smoke.instead, net }, batch: 8, epochs: 2, milestones: [1] };
  return { ...study, budgets: { ...study.budgets, smoke: plan } };
}

async function planned(study: Study): Promise<PlannedPoint[]> {
  const found = await findData(fileDataOf(study, 'smoke')!.name, directory);
  return planStudy(study, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference', found });
}

/** @param steps after which it is stopped */
async function compute(point: PlannedPoint, folder = 'checkpoints', steps = Infinity): Promise<Outcome> {
  const checkpoints = join(directory, folder);
  mkdirSync(checkpoints, { recursive: true });
  let done = 0;
  return computePoint(
    { planned: point, checkpoints, dataDir: directory, fresh: false, threads: 1 },
    {
      onProgress: () => undefined,
      onWarning: (line) => expect.fail(line),
      // Asked after every step.
      shouldStop: () => ++done >= steps,
    },
  );
}

test('a table: its normal distribution, a flow and a pruned one, and what a run would take', async () => {
  const study = smallest(miniboone, { train: 16, validation: 5, test: 6 }, 3);
  const points = await planned(study);
  const pick = (method: Method): PlannedPoint => points.find(({ config }) => config.method === method)!;
  // 16 rows have no covariance of 43 dimensions.
  expect(await compute(pick('gaussian'))).toMatchObject({
    status: 'diverged',
    reason: 'the covariance of the training rows has no inverse',
  });
  for (const [method, epochs] of [
    ['dense', 2],
    ['unstructured', 4],
  ] as const) {
    const outcome = await compute(pick(method));
    if (outcome.status !== 'ok') throw new Error(JSON.stringify(outcome));
    const { testNll } = outcome.measured;
    expect(outcome.measured.epochs).toBe(epochs);
    // Standard normal rows and a flow that is about the identity: 43 (½ log 2π + ½) = 61.0, by 6 rows to within a few nats.
    expect(testNll).toBeGreaterThan(50);
    expect(testNll).toBeLessThan(80);
  }
  const expected = { rows: 8, stepsPerEpoch: 2, evaluatedRows: 27 };
  expect(await calibrate(pick('dense').config, 1, directory, 1500)).toMatchObject(expected);
});

test('whitened rows: likelihoods are those of the rows themselves, and a flow begins near the Gaussian', async () => {
  const study = smallest(miniboone, { train: 49, validation: 5, test: 6 }, 3);
  const { data } = study.budgets.smoke;
  const inside = { ...study.budgets.smoke, data: { ...data, whitened: true } as FileData };
  const nlls = async (of: TrainingStudy, method: Method): Promise<readonly [train: number, test: number]> => {
    const outcome = await compute((await planned(of)).find(({ config }) => config.method === method)!);
    if (outcome.status !== 'ok') throw new Error(JSON.stringify(outcome));
    return [outcome.measured.trainNll, outcome.measured.testNll];
  };
  const other = { ...study, budgets: { ...study.budgets, smoke: inside } };
  const plain = await nlls(study, 'gaussian');
  const whitened = await nlls(other, 'gaussian');
  // Covariances of 49 rows in 43 dimensions have condition numbers up to 1e6 or so.
  plain.forEach((nll, i) => expect(whitened[i]).toBeCloseTo(nll, 6));
  // A fresh flow moves nothing far: its training rows are about standard normal, as those of the Gaussian are exactly.
  expect(Math.abs((await nlls(other, 'dense'))[0] - plain[0])).toBeLessThan(10);
});

test('a batch that goes through the flow in parts has the loss and the gradients of the whole', async () => {
  const { config } = (await planned(smallest(miniboone, { train: 16, validation: 5, test: 6 }, 3))).find(
    ({ config: { method } }) => method === 'dense',
  )!;
  const same = { ...config, divergence: 'exact', solver: { method: 'rk4', steps: 3, adjoint: 'checkpoint' } } as const;
  const backend = createReferenceBackend();
  const [whole, inParts] = [undefined, 3].map((rowsAtOnce) =>
    densityTask({ ...same, training: { ...same.training, ...(rowsAtOnce && { rowsAtOnce }) } }, backend),
  ) as [Task, Task];
  const params = whole.init(key(3));
  const rows = { points: Float64Array.from(normal(key(4), 8 * 43)), dim: 43, count: 8 };
  const [a, b] = [await whole.lossAndGrad(params, rows, key(5)), await inParts.lossAndGrad(params, rows, key(5))];
  // Sums of the same 8 terms in another order, in float32, of losses about 60: 1e-7 of each, and a margin of ten.
  expect(Math.abs(a.loss.dataSync()[0]! - b.loss.dataSync()[0]!)).toBeLessThan(1e-4);
  for (const [name, gradient] of Object.entries(a.grads)) {
    const [one, other] = [gradient.dataSync(), b.grads[name]!.dataSync()];
    const size = Math.hypot(...one);
    expect(Math.hypot(...one.map((value, i) => value - other[i]!))).toBeLessThan(1e-5 * size + 1e-9);
  }
  // Three solves instead of one.
  expect(b.stats.nfe).toBe(3 * a.stats.nfe);
});

test('likelihoods are as accurate as the evaluation asks, however coarse the steps of training', async () => {
  const { config } = (await planned(smallest(miniboone, { train: 16, validation: 5, test: 6 }, 3))).find(
    ({ config: { method } }) => method === 'dense',
  )!;
  const backend = createReferenceBackend();
  const tolerances = { rtol: 1e-5, atol: 1e-5 };
  const coarse = { ...config, solver: { method: 'euler', steps: 1, adjoint: 'checkpoint' } } as const;
  const fine = { ...config, solver: { method: 'dopri5', ...tolerances, adjoint: 'checkpoint' } } as const;
  const params = densityTask(coarse, backend).init(key(3));
  const rows = { points: Float64Array.from(normal(key(4), 8 * 43)), dim: 43, count: 8 };
  const nll = (of: PointConfig): Promise<number> => densityTask(of, backend).nll(params, rows, key(5));
  const asked = await nll({ ...coarse, evaluation: { ...coarse.evaluation, solver: tolerances } });
  expect(asked).toBe(await nll(fine));
  expect(asked).not.toBeCloseTo(await nll(coarse), 5);
});

test('images: bits a dimension, samples through training and pruning, and a pruned flow', async () => {
  const points = await planned(smallest(mnist, { train: 8, validation: 4, test: 4 }, 2));
  expect(points.map(({ config }) => config.method)).not.toContain('gaussian');
  const shape = [4, 7, 7, 1];
  for (const method of ['dense', 'structured'] as const) {
    const outcome = await compute(points.find(({ config }) => config.method === method)!);
    if (outcome.status !== 'ok') throw new Error(JSON.stringify(outcome));
    const { testNll, quantities } = outcome.measured;
    expect(quantities!['bitsPerDim']!.value).toBeCloseTo((testNll / 49 + Math.log(256)) / Math.LN2, 12);
    const { images, ...others } = outcome.artefact!.arrays;
    expect(images!.shape).toEqual(shape);
    if (method !== 'dense') {
      expect(others).toEqual({});
      continue;
    }
    const { data, 'images-1': first, 'images-2': second, ...rest } = others;
    expect([data!.shape, first!.shape, second!.shape, rest]).toEqual([shape, shape, shape, {}]);
    // The flow that is kept is that of the better of the two epochs: its samples are those of that epoch, from the same noise.
    const isSame = (snapshot: typeof images): boolean => images!.values.every((x, i) => x === snapshot!.values[i]);
    expect(isSame(first)).not.toBe(isSame(second));
  }
});

test('samples of a training that was interrupted are those of one that was not', async () => {
  const study = smallest(mnist, { train: 16, validation: 4, test: 4 }, 2);
  const dense = (await planned(study)).find(({ config }) => config.method === 'dense')!;
  const whole = await compute(dense);
  // Two steps are an epoch: in the middle of the second one.
  const stopped = await compute(dense, 'again', 3);
  expect(stopped.status).toBe('stopped');
  const resumed = await compute(dense, 'again');
  if (whole.status !== 'ok' || resumed.status !== 'ok') throw new Error(JSON.stringify([whole, resumed]));
  expect(Object.keys(resumed.artefact!.arrays)).toContain('images-1');
  expect(resumed.artefact).toEqual(whole.artefact);
});

test('images near the modes: an analysis of flows of images', async () => {
  const plan = { ...modeCollapseMnist.budgets.smoke, analysis: { kind: 'image-quality', samples: 20, repetitions: 2 } };
  const study = {
    ...modeCollapseMnist,
    of: [smallest(mnist, { train: 22, validation: 2, test: 4 }, 2)],
    budgets: { ...modeCollapseMnist.budgets, smoke: plan },
  } as AnalysisStudy;
  const points = await planned(study);
  const dense = points.filter(({ config }) => config.method === 'dense');
  expect(dense.map(({ prerequisite = false }) => prerequisite)).toEqual([true, false]);
  expect((await compute(dense[0]!)).status).toBe('ok');
  const outcome = await compute(dense[1]!);
  if (outcome.status !== 'analysed') throw new Error(JSON.stringify(outcome));
  const { good3, good5, captured, real3, real5 } = outcome.quantities;
  expect(good3!.value).toBeLessThanOrEqual(good5!.value);
  expect(real3!.value).toBeLessThanOrEqual(real5!.value);
  expect(captured!.value).toBeLessThanOrEqual(10);
  expect(outcome.artefact!.arrays['images']!.shape).toEqual([20, 7, 7, 1]);
});

test('what files hold is known by their contents', async () => {
  const found = await findData('miniboone', directory);
  expect(found).toMatchObject({
    train: 49,
    validation: 5,
    test: 6,
    reason: expect.stringContaining('excerpt') as string,
  });
  expect(await findData('miniboone', directory)).toEqual(found);
  await expect(findData('power', directory)).rejects.toThrow(/^power: .*are not there/);
});
