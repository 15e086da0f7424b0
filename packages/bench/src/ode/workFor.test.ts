import { expect, it } from 'vitest';
import type { Row } from '../report.ts';
import { workFor, workNotes } from './workFor.ts';

/** A method of order 5 whose evaluations take a microsecond each: error = n^-5. */
const row = (evaluations: number, implementation = 'ours'): Row => ({
  case: 'orbit',
  op: 'rtol',
  implementation,
  threads: 1,
  ms: evaluations / 1000,
  spread: 0,
  gflops: null,
  shareOfPeak: null,
  nfe: [evaluations, 0],
  error: evaluations ** -5,
});

it('is on the line between two tolerances, which for a method of one order is its own law', () => {
  const { evaluations, ms } = workFor([row(10), row(100)], 30 ** -5)!;
  expect(evaluations).toBeCloseTo(30, 9);
  expect(ms).toBeCloseTo(0.03, 12);
  expect(workFor([row(10), row(100)], 100 ** -5)!.evaluations).toBeCloseTo(100, 9);
  expect(workFor([row(10), row(10)], 10 ** -5)!.evaluations).toBe(10);
});

it('is not guessed beyond the tolerances', () => {
  expect(workFor([row(10), row(100)], 200 ** -5)).toBeUndefined();
  expect(workFor([row(10), row(100)], 5 ** -5)).toBeUndefined();
});

it('is said for each error that somebody reaches', () => {
  // n = 1e6^(1/5) = 15.85 and 1e10^(1/5) = 100.
  expect(workNotes([row(10), row(1000), row(10, 'theirs'), row(20, 'theirs')], [1e-6, 1e-10, 1e-30])).toEqual([
    'orbit, evaluations and time for an error of 1e-6: ours 16; 0.0158 ms, theirs 16; 0.0158 ms',
    'orbit, evaluations and time for an error of 1e-10: ours 100; 0.100 ms',
  ]);
});
