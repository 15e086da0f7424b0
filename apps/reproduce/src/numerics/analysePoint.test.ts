import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tiny } from '../../test/tinyStudy.ts';
import type { Analysis } from '../analysis.ts';
import type { PlannedPoint } from '../plan.ts';
import { planStudy } from '../plan.ts';
import type { Outcome, Progress } from '../run/executor.ts';
import type { AnalysisStudy, Method } from '../study.ts';
import { computePoint } from './computePoint.ts';
import { gridCentres } from './evaluate.ts';

let directory: string;

/** The dense flow and one that is pruned to half, and an analysis of each. */
function planOf(analysis: Analysis): PlannedPoint[] {
  const plan = { methods: ['unstructured'] as const, pruneRatios: [0.5], analysis };
  const study: AnalysisStudy = {
    name: 'analysis',
    title: '',
    about: '',
    of: [tiny],
    budgets: { smoke: plan, quick: plan, paper: plan },
    references: [],
    remarks: [],
  };
  return planStudy(study, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference' });
}

/** @param stopAfter how often it may ask whether to stop before it is told so. */
async function compute(planned: PlannedPoint, stopAfter = Infinity) {
  const progress: Progress[] = [];
  let asked = 0;
  const outcome: Outcome = await computePoint(
    { planned, checkpoints: directory, fresh: false, threads: 1 },
    {
      onProgress: (value) => progress.push(value),
      onWarning: (line) => expect.fail(line),
      shouldStop: () => ++asked > stopAfter,
    },
  );
  return { outcome, progress };
}

async function analyse(analysis: Analysis, method: Method = 'dense', stopAfter = Infinity) {
  const planned = planOf(analysis).find(
    ({ config, pruneRatio }) => config.analysis !== undefined && config.method === method && pruneRatio !== 0.2,
  )!;
  const { outcome, progress } = await compute(planned, stopAfter);
  if (outcome.status !== 'analysed') throw new Error(JSON.stringify(outcome));
  return { ...outcome, progress };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'analyse-'));
  for (const planned of planOf({ kind: 'sample-quality', samples: 1, repetitions: 1 })) {
    if (planned.prerequisite === true) expect((await compute(planned)).outcome.status).toBe('ok');
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('sample quality', () => {
  const analysis = { kind: 'sample-quality', samples: 400, repetitions: 4 } as const;

  test('is the same again, and its shares are shares', async () => {
    const first = await analyse(analysis, 'unstructured');
    expect((await analyse(analysis, 'unstructured')).quantities).toEqual(first.quantities);
    const { good2, good3, good5, captured, weakest } = first.quantities;
    expect(good2!.value).toBeGreaterThan(0);
    expect(good3!.value).toBeGreaterThanOrEqual(good2!.value);
    expect(good5!.value).toBeGreaterThanOrEqual(good3!.value);
    expect(good5!.value).toBeLessThanOrEqual(100);
    expect(captured!.value).toBeLessThanOrEqual(6);
    expect(weakest!.value).toBeLessThanOrEqual(100);
    // A share of 400 samples has a standard deviation of at most 2.5 %, and its mean over four repetitions half of that.
    expect(good3!.standardError).toBeGreaterThan(0);
    expect(good3!.standardError).toBeLessThan(4);
    expect(first.progress.map(({ phase, epoch, epochs }) => [phase, epoch, epochs])).toEqual(
      [0, 1, 2, 3].map((done) => ['analyse', done, 4]),
    );
  });
});

describe('curvature', () => {
  const analysis = {
    kind: 'curvature',
    share: 0.5,
    steps: 40,
    traceSamples: 20,
    density: { probes: 3, steps: 20 },
    exactUpTo: 0,
    landscape: { line: 5, plane: 3, reach: 0.5, reachTop: 0.2 },
  } as const;

  test('estimates are those of the whole spectrum, within their errors', { timeout: 120_000 }, async () => {
    for (const method of ['dense', 'unstructured'] as const) {
      const { quantities: all, artefact } = await analyse({ ...analysis, exactUpTo: 60 }, method);
      const { quantities: some } = await analyse(analysis, method);
      expect(all['trace']!.standardError).toBeNull();
      expect(all['condition']!.value).toBeGreaterThan(1);
      expect(some['condition']).toBeUndefined();
      // Lanczos' eigenvalue is within its residual of a true one, and the whole spectrum's own residuals are rounding.
      expect(Math.abs(some['lambdaMax']!.value - all['lambdaMax']!.value)).toBeLessThan(
        some['residual']!.value + 1e-6 * all['lambdaMax']!.value,
      );
      expect(Math.abs(some['trace']!.value - all['trace']!.value)).toBeLessThan(4 * some['trace']!.standardError!);
      expect(some['loss']).toEqual(all['loss']);

      // The middle of every landscape is the minimum itself.
      const { arrays } = artefact!;
      for (const name of ['lossAlongLine', 'lossAlongTop'])
        expect(arrays[name]!.values[2]).toBeCloseTo(all['loss']!.value, 5);
      expect(arrays['lossOnPlane']!.values[4]).toBeCloseTo(all['loss']!.value, 5);
      // Along the unit eigenvector the loss is a parabola to second order: its second difference is λ.
      const h = 0.01;
      const near = await analyse({ ...analysis, landscape: { line: 3, plane: 1, reach: h, reachTop: h } }, method);
      const [left, middle, right] = near.artefact!.arrays['lossAlongTop']!.values;
      // Fourth derivatives are of the order of λ here, and the values are single precision: 1e-7 · 3 / h² is 3e-3.
      const second = (left! + right! - 2 * middle!) / h ** 2;
      expect(Math.abs(second / all['lambdaMax']!.value - 1)).toBeLessThan(0.05);
    }
  });

  test(
    'stopped and resumed, also with a record cut off in the middle, it finds the same',
    { timeout: 120_000 },
    async () => {
      const whole = await analyse(analysis, 'unstructured');
      const planned = planOf(analysis).find(
        ({ config, pruneRatio }) =>
          config.analysis !== undefined && config.method === 'unstructured' && pruneRatio !== 0.2,
      )!;
      const state = join(directory, `${planned.address}.analysis`);
      for (const stopAfter of [5, 15]) {
        expect((await compute(planned, stopAfter)).outcome).toEqual({ status: 'stopped' });
        const { size } = statSync(state);
        truncateSync(state, size - 3);
      }
      const { outcome, progress } = await compute(planned);
      expect(outcome).toMatchObject({ status: 'analysed', quantities: whole.quantities, artefact: whole.artefact });
      expect(progress.at(-1)).toMatchObject({ phase: 'analyse', epoch: progress.at(-1)!.epochs });
      expect(existsSync(state)).toBe(false);

      // Products of something else are not gone on from.
      writeFileSync(state, new Uint8Array(16_000));
      expect((await compute(planned)).outcome).toMatchObject({ status: 'analysed', quantities: whole.quantities });
    },
  );
});

describe('the vector field', () => {
  test('leads from noise to where the samples are, and its arrows are those of the field', async () => {
    const { artefact, quantities } = await analyse({ kind: 'vector-field', grid: 8, trajectories: 30, times: 21 });
    const { velocities, trajectories } = artefact!.arrays;
    expect(velocities!.shape).toEqual([8, 8, 2]);
    expect(trajectories!.shape).toEqual([30, 21, 2]);
    // From t = 1 down to 0 a point moves against the field: a small step is near -f · Δt, where a way passes a grid point.
    const centres = gridCentres(8, artefact!.extent);
    const cell = (2 * artefact!.extent) / 8;
    let compared = 0;
    for (let i = 0; i < 30; i++) {
      for (let k = 0; k < 20; k++) {
        const at = (i * 21 + k) * 2;
        const [x, y] = [trajectories!.values[at]!, trajectories!.values[at + 1]!];
        for (let c = 0; c < 64; c++) {
          if (Math.hypot(centres[2 * c]! - x, centres[2 * c + 1]! - y) > cell / 8) continue;
          const [dx, dy] = [trajectories!.values[at + 2]! - x, trajectories!.values[at + 3]! - y];
          const [vx, vy] = [velocities!.values[2 * c]!, velocities!.values[2 * c + 1]!];
          expect(Math.hypot(dx + vx / 20, dy + vy / 20)).toBeLessThan(0.3 * Math.hypot(vx / 20, vy / 20) + 0.01);
          compared += 1;
        }
      }
    }
    expect(compared).toBeGreaterThan(3);
    expect(quantities['detour']!.value).toBeGreaterThanOrEqual(1);
  });
});

test('asked to stop, it stops', async () => {
  const planned = planOf({ kind: 'sample-quality', samples: 100, repetitions: 3 }).find(
    ({ config }) => config.analysis !== undefined,
  )!;
  expect((await compute(planned, 1)).outcome).toEqual({ status: 'stopped' });
});

test('leaves no file of its own behind', async () => {
  const before = readdirSync(directory).length;
  await analyse({ kind: 'vector-field', grid: 4, trajectories: 3, times: 3 });
  await analyse({ kind: 'sample-quality', samples: 50, repetitions: 2 });
  expect(readdirSync(directory)).toHaveLength(before);
});
