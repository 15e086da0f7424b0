import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeCheckpoint } from '@sparseflow/optim';
import { latestOf } from '@sparseflow/optim/node';
import { disposeTree } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PlannedPoint } from '../plan.ts';
import { planStudy } from '../plan.ts';
import type { Outcome, Progress } from '../run/executor.ts';
import { tiny } from '../../test/tinyStudy.ts';
import type { Method } from '../study.ts';
import { canContinueFrom, findTrained } from './checkpoints.ts';
import { gridCentres } from './evaluate.ts';
import { trainPoint } from './trainPoint.ts';

const plan = (study = tiny, protocol: 'paper' | 'converged' = 'paper'): PlannedPoint[] =>
  planStudy(study, { budget: 'smoke', protocol, seeds: [0], backend: 'reference' });
const pick = (method: Method, round: number, points = plan()): PlannedPoint =>
  points.find(({ config }) => config.method === method && config.round === round)!;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'train-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Trial {
  readonly outcome: Outcome;
  readonly warnings: string[];
  readonly progress: Progress[];
}

/** @param stopAfter how often it may ask whether to stop before it is told so. */
async function train(
  planned: PlannedPoint,
  { fresh = false, stopAfter = Infinity, checkpoints = directory } = {},
): Promise<Trial> {
  const warnings: string[] = [];
  const progress: Progress[] = [];
  let asked = 0;
  const outcome = await trainPoint(
    { planned, checkpoints, fresh, threads: 1 },
    {
      onProgress: (value) => progress.push(value),
      onWarning: (line) => warnings.push(line),
      shouldStop: () => ++asked > stopAfter,
    },
  );
  return { outcome, warnings, progress };
}

function measured({ outcome }: Trial) {
  if (outcome.status !== 'ok') throw new Error(`expected an ok point, got ${JSON.stringify(outcome)}`);
  return outcome.measured;
}

/** Parameters and masks of a finished point, as plain numbers. */
function stored({ address }: PlannedPoint, at = directory) {
  const { value } = findTrained(at, address, createReferenceBackend(), (path, reason) => {
    throw new Error(`${path}: ${reason}`);
  });
  const plain = (tensors: object) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, x]) => [name, [...(x as { dataSync(): Float64Array }).dataSync()]]),
    );
  const numbers = { params: plain(value!.params), masks: plain(value!.masks) };
  disposeTree([value!.params, value!.masks]);
  return numbers;
}

const zeros = (values: readonly number[]): number => values.filter((value) => value === 0).length;

describe('a dense point', () => {
  test('learns, and twice the same to the last bit', async () => {
    const first = await train(pick('dense', 0));
    const params = stored(pick('dense', 0));
    const again = await train(pick('dense', 0), { fresh: true });
    expect(measured(again)).toEqual(measured(first));
    expect(stored(pick('dense', 0))).toEqual(params);
    expect(measured(first)).toMatchObject({ parameters: 52, epochs: 3 });
    // On data of unit variance no normal distribution gets below 1 + log 2π = 2.84 nats, so it has begun to see the modes.
    expect(measured(first).testNll).toBeLessThan(2.8);
    expect(first.progress.at(-1)).toMatchObject({ phase: 'evaluate', epoch: 3, epochs: 3 });
    expect(readdirSync(directory)).toEqual([`${pick('dense', 0).address}.safetensors`]);
  });

  test('stopped in the middle of an epoch and resumed, it ends as if it had not been', async () => {
    const whole = await train(pick('dense', 0), { checkpoints: join(directory, 'whole') });
    const resumed = join(directory, 'resumed');
    const trials = [
      await train(pick('dense', 0), { checkpoints: resumed, stopAfter: 4 }),
      await train(pick('dense', 0), { checkpoints: resumed, stopAfter: 7 }),
    ];
    for (const trial of trials) expect(trial.outcome).toEqual({ status: 'stopped' });
    expect(readdirSync(resumed)).toEqual([`${pick('dense', 0).address}.training.safetensors`]);
    const last = await train(pick('dense', 0), { checkpoints: resumed });
    expect(measured(last)).toEqual(measured(whole));
    expect(stored(pick('dense', 0), resumed)).toEqual(stored(pick('dense', 0), join(directory, 'whole')));
  });

  test('that is finished is evaluated, not trained again', async () => {
    const first = await train(pick('dense', 0));
    const second = await train(pick('dense', 0));
    expect(measured(second)).toEqual(measured(first));
    expect(second.progress.map(({ phase }) => phase)).toEqual(['evaluate']);
  });

  test('carries its density, which integrates to one, samples and the test set', async () => {
    const { outcome } = await train(pick('dense', 0));
    if (outcome.status !== 'ok' || outcome.artefact === undefined) throw new Error('no artefact');
    const { extent, arrays } = outcome.artefact;
    const [logDensity, samples, data] = ['logDensity', 'samples', 'data'].map((name) => arrays[name]!.values);
    const cell = ((2 * extent) / 24) ** 2;
    const mass = logDensity!.reduce((sum, value) => sum + Math.exp(value) * cell, 0);
    // The square leaves out the tails beyond 2.4 standard deviations, about 3 % of a normal's mass in two dimensions.
    expect(mass).toBeGreaterThan(0.9);
    expect(mass).toBeLessThan(1.02);
    expect(samples).toHaveLength(100);
    expect(data).toHaveLength(6 * 20 * 2);
  });
});

describe('a chain', () => {
  const methods = ['unstructured', 'structured', 'random', 'control'] as const;

  test('prunes to its ratio from the parent’s weights, keeps them zero, and adds up its epochs', async () => {
    await train(pick('dense', 0));
    for (const method of methods) {
      for (const round of [1, 2]) {
        const point = pick(method, round);
        const trial = await train(point);
        const { parameters, epochs } = measured(trial);
        const { params, masks } = stored(point);
        expect(epochs).toBe(3 * (round + 1));
        const live =
          Object.values(params).flat().length - Object.values(masks).reduce((sum, mask) => sum + zeros(mask), 0);
        expect(parameters).toBe(live);
        for (const [name, mask] of Object.entries(masks))
          mask.forEach((keep, i) => keep === 0 && expect(Math.abs(params[name]![i]!)).toBe(0));
        if (method === 'control') expect(masks).toEqual({});
        // Whole neurons of this net have 5 parameters, so the nearest reachable size is at most 2.5 away; single weights reach every size
        // unless a neuron dies with them.
        else expect(Math.abs(parameters - point.config.keepRatio * 52)).toBeLessThanOrEqual(2.5);
      }
      const [before, after] = [stored(pick(method, 1)).masks, stored(pick(method, 2)).masks];
      for (const [name, mask] of Object.entries(before))
        mask.forEach((keep, i) => keep === 0 && expect(after[name]![i]).toBe(0));
    }
    // Only the pruner differs: with the same batches and noise, the methods still end elsewhere.
    expect(new Set(methods.map((method) => JSON.stringify(stored(pick(method, 1)).params))).size).toBe(4);
  });

  test.each(['unstructured', 'structured'] as const)(
    'of %s rounds resumes as if it had not been stopped',
    async (method) => {
      const point = pick(method, 1);
      const [whole, resumed] = [join(directory, 'whole'), join(directory, 'resumed')];
      for (const checkpoints of [whole, resumed]) await train(pick('dense', 0), { checkpoints });
      const reference = await train(point, { checkpoints: whole });
      expect((await train(point, { checkpoints: resumed, stopAfter: 7 })).outcome).toEqual({ status: 'stopped' });
      expect(measured(await train(point, { checkpoints: resumed }))).toEqual(measured(reference));
      expect(stored(point, resumed)).toEqual(stored(point, whole));
    },
  );

  test('needs its parent', async () => {
    await expect(train(pick('random', 1))).rejects.toThrow(/the checkpoint .* that it continues from is missing/);
  });

  test('does not continue from a damaged parent, which it names and leaves alone', async () => {
    const dense = pick('dense', 0);
    await train(dense);
    const path = join(directory, `${dense.address}.safetensors`);
    const bytes = readFileSync(path);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(path, bytes);
    expect(canContinueFrom(directory, dense.address)).toBe(false);
    await expect(train(pick('control', 1))).rejects.toThrow(/is missing/);
    const { warnings, outcome } = await train(dense);
    expect(outcome.status).toBe('ok');
    expect(warnings).toEqual([expect.stringMatching(/safetensors cannot be used and is left alone: .*checksum/)]);
    expect(readFileSync(path)).toEqual(bytes);
    expect(existsSync(join(directory, `${dense.address}.1.safetensors`))).toBe(true);
    expect(canContinueFrom(directory, dense.address)).toBe(true);
    expect((await train(pick('control', 1))).outcome.status).toBe('ok');
  });
});

test('a damaged state of a training is named and left alone, and training starts over beside it', async () => {
  const point = pick('dense', 0);
  const path = join(directory, `${point.address}.training.safetensors`);
  writeFileSync(path, 'cut of');
  const { warnings, outcome } = await train(point);
  expect(outcome.status).toBe('ok');
  expect(warnings).toEqual([expect.stringContaining(path)]);
  expect(readFileSync(path, 'utf8')).toBe('cut of');
});

test('a damaged state of a training, and a whole one saved beside it later: training goes on from that', async () => {
  const point = pick('dense', 0);
  const whole = await train(point, { checkpoints: join(directory, 'whole') });
  const checkpoints = join(directory, 'damaged');
  await train(point, { checkpoints, stopAfter: 4 });
  const path = join(checkpoints, `${point.address}.training.safetensors`);
  const steps = (file: string): number | undefined =>
    decodeCheckpoint(readFileSync(file), { backend: createReferenceBackend() }).cursor?.step;
  const done = steps(path)!;
  expect(done).toBeGreaterThan(0);
  renameSync(path, latestOf(path)[1]);
  writeFileSync(path, 'cut of');
  const { warnings } = await train(point, { checkpoints, stopAfter: 1 });
  expect(warnings).toEqual([expect.stringContaining(path)]);
  expect(steps(join(checkpoints, `${point.address}.training.1.safetensors`))).toBe(done + 2); // It asks after a step whether to stop: it takes one more.
  expect(measured(await train(point, { checkpoints }))).toEqual(measured(whole));
  expect(readdirSync(checkpoints).sort()).toEqual([
    `${point.address}.safetensors`,
    `${point.address}.training.safetensors`,
  ]);
});

test('a learning rate that blows up gives a diverged point with a reason in one line, and no state to resume', async () => {
  const wild = pick('dense', 0, plan({ ...tiny, optimiser: { ...tiny.optimiser, learningRate: 1e200 } }));
  const { outcome } = await train(wild);
  expect(outcome).toMatchObject({ status: 'diverged', parameters: null });
  if (outcome.status === 'diverged') expect(outcome.reason).toMatch(/^[^\n]*\d[^\n]*$/);
  expect(readdirSync(directory)).toEqual([]);
});

test('the converged protocol trains on until the validation loss stops improving, stopped in between or not', async () => {
  const points = plan(tiny, 'converged');
  const point = pick('dense', 0, points);
  const decay = { factor: 0.1, times: 2 };
  expect(point.config.training).toEqual({ epochs: 30, batch: 20, patience: 2, decay });
  // The rounds after it are as long as the paper's.
  expect(pick('control', 1, points).config.training).toEqual({ epochs: 3, batch: 20, patience: null, decay });
  const whole = measured(await train(point));
  expect(whole.epochs).toBeGreaterThan(3);
  expect(whole.validationNll).toBeLessThan(measured(await train(pick('dense', 0))).validationNll);

  const resumed = join(directory, 'resumed');
  for (const stopAfter of [20, 45])
    expect((await train(point, { checkpoints: resumed, stopAfter })).outcome).toEqual({ status: 'stopped' });
  expect(measured(await train(point, { checkpoints: resumed }))).toEqual(whole);
});

test('the grid runs over x first, from the lower left', () => {
  expect([...gridCentres(2, 1)]).toEqual([-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5]);
});
