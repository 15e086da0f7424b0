import { expect, test } from 'vitest';
import { planStudy } from '../plan.ts';
import { gaussians } from '../studies/gaussians.ts';
import { gaussiansSpiral } from '../studies/gaussians-spiral.ts';
import { byRemainingChain, makespan } from './schedule.ts';

// quick: one dense point, then four chains; every point is the same work.
const points = planStudy(gaussians, { budget: 'quick', protocol: 'paper', seeds: [0], backend: 'reference' });
const work = points[0]!.work;
const rounds = gaussians.budgets.quick.keepRatios.length;
const all = new Map(points.map(({ address, work: left }) => [address, left]));

test.each([
  [1, 1 + 4 * rounds],
  [2, 1 + 2 * rounds],
  [4, 1 + rounds],
  [100, 1 + rounds],
])('with %i workers the whole study takes %i points’ time', (workers, expected) => {
  expect(makespan(points, all, workers)).toBeCloseTo(expected * work, 9);
});

test('finished points cost nothing and half-done ones half', () => {
  const left = new Map([...all].slice(1));
  left.set(points[1]!.address, work / 2);
  // Four workers: three chains are whole, so the longest of them decides.
  expect(makespan(points, left, 4)).toBeCloseTo(rounds * work, 9);
  expect(makespan(points, left, 1)).toBeCloseTo((4 * rounds - 0.5) * work, 9);
  expect(makespan(points, new Map(), 3)).toBe(0);
});

test('of several studies the first is finished first, whatever waits behind the others', () => {
  const longer = planStudy(gaussiansSpiral, { budget: 'paper', protocol: 'paper', seeds: [0], backend: 'reference' });
  const ordered = byRemainingChain([...points, ...longer]);
  expect(new Set(ordered.slice(0, points.length))).toEqual(new Set(points));
});

test('points with more work behind them come first, and ties keep the order of the plan', () => {
  const ordered = byRemainingChain([...points].reverse().reverse());
  expect(ordered[0]!.config.method).toBe('dense');
  const rank = ordered.map(({ config }) => config.round);
  expect([...rank].sort((a, b) => a - b)).toEqual(rank);
  expect(ordered.filter(({ config }) => config.round === 1).map(({ config }) => config.method)).toEqual([
    'unstructured',
    'structured',
    'random',
    'control',
  ]);
});
