import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Calibration } from '../numerics/calibrate.ts';
import { calibrate } from '../numerics/calibrate.ts';
import type { PlannedPoint } from '../plan.ts';
import { planStudy } from '../plan.ts';
import type { Result } from '../results/schema.ts';
import { ablationSolver } from '../studies/ablations.ts';
import { gaussiansSpiral } from '../studies/gaussians-spiral.ts';
import { gaussians } from '../studies/gaussians.ts';
import { moons } from '../studies/moons.ts';
import { costKey, forecast } from './forecast.ts';

const points = planStudy(gaussians, { budget: 'quick', protocol: 'paper', seeds: [0], backend: 'wasm' });
const rounds = gaussians.budgets.quick.keepRatios.length;
const calibration: Calibration = {
  steps: 3,
  rows: 512,
  secondsPerStep: 0.01,
  nfeForward: 20,
  nfeBackward: 22,
  stepsPerEpoch: 10,
  secondsPerRow: 0,
  evaluatedRows: 0,
  parameters: 642,
  bytes: 1e6,
};
const of = (workers: number) => forecast(points, new Map([[costKey(points[0]!.config), calibration]]), workers);

test('all points of a study cost the same step', () => {
  expect(new Set(points.map(({ config }) => costKey(config))).size).toBe(1);
});

test('steps, evaluations and time follow from those that were measured', () => {
  const steps = gaussians.budgets.quick.epochs * 10;
  const expected = of(4);
  expect(expected).toMatchObject({ trainings: points.length, analyses: 0, steps: points.length * steps });
  expect(expected.evaluations[0]).toBe(points.length * steps * 42);
  // One dense point, then four chains side by side.
  expect(expected.seconds[0]).toBeCloseTo((1 + rounds) * steps * 0.01, 6);
  expect(expected.seconds[1]).toBeCloseTo(points[0]!.growth * expected.seconds[0], 6);
  expect(expected.evaluations[1]).toBeCloseTo(points[0]!.growth * expected.evaluations[0], 6);
  expect(of(1).seconds[0]).toBeCloseTo(points.length * steps * 0.01, 6);
});

test('every worker needs memory of its own', () => {
  expect(of(4).memoryBytes - of(1).memoryBytes).toBeGreaterThan(2e6);
  expect(of(1).diskBytes).toBeGreaterThan(0);
});

test('fixed steps do not grow', () => {
  const compared = planStudy(ablationSolver, { budget: 'paper', protocol: 'paper', seeds: [0], backend: 'wasm' });
  const growths = (method: string): Set<number> =>
    new Set(compared.filter(({ config }) => config.solver.method === method).map(({ growth }) => growth));
  expect(['dopri5', 'rk4', 'euler'].map(growths)).toEqual([new Set([3.2]), new Set([1]), new Set([1])]);
});

// Within a tenth, by which the first steps of seeds may differ.
test.each([gaussians, gaussiansSpiral, moons])('$name: evaluations grew as it says', async (study) => {
  const [{ config, growth }] = planStudy(study, {
    budget: 'paper',
    protocol: 'paper',
    seeds: [0],
    backend: 'wasm',
  }) as [PlannedPoint];
  const { nfeForward, nfeBackward } = await calibrate(config, 1, undefined, 1);
  const published = new URL(`../../results-published/${study.name}/result.json`, import.meta.url);
  const { points: finished } = JSON.parse(readFileSync(published, 'utf8')) as Result;
  const ofEach = finished.flatMap(({ nfeForward: f, nfeBackward: b }) => (f === null || b === null ? [] : [f + b]));
  const mean = ofEach.reduce((a, b) => a + b, 0) / ofEach.length;
  expect(Math.abs(mean / (nfeForward + nfeBackward) / growth - 1)).toBeLessThan(0.1);
});
