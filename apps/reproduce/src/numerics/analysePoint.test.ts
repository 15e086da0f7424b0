import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
  return planStudy(study, { budget: 'smoke', protocol: 'paper', seeds: 1, backend: 'reference' });
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
