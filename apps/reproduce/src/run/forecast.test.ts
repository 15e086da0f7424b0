import { expect, test } from 'vitest';
import type { Calibration } from '../numerics/calibrate.ts';
import { planStudy } from '../plan.ts';
import { gaussians } from '../studies/gaussians.ts';
import { costKey, forecast, growth } from './forecast.ts';

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
  expect(expected.seconds[1]).toBeCloseTo(growth * expected.seconds[0], 6);
  expect(of(1).seconds[0]).toBeCloseTo(points.length * steps * 0.01, 6);
});

test('every worker needs memory of its own', () => {
  expect(of(4).memoryBytes - of(1).memoryBytes).toBeGreaterThan(2e6);
  expect(of(1).diskBytes).toBeGreaterThan(0);
});
