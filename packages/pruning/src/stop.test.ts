import { expect, test } from 'vitest';
import { PruningError, whileLossDecreases } from './index.ts';
import type { RoundSummary } from './index.ts';

const report = { originalSize: 1, size: 1, keepRatio: 1, parameters: {}, neurons: {} };
const rounds = (...losses: number[]): RoundSummary[] =>
  losses.map((loss, round) => ({ round, keep: 1, report, metrics: { loss } }));

test('goes on while the loss decreases', () => {
  const rule = whileLossDecreases(({ metrics }) => metrics['loss']!);
  expect(rule(rounds(3))).toBe(false);
  expect(rule(rounds(3, 2, 1))).toBe(false);
  expect(rule(rounds(3, 2, 2))).toBe(true);
  expect(rule(rounds(3, 2, 2.5))).toBe(true);
  expect(rule(rounds(3, NaN))).toBe(true);
  expect(rule([])).toBe(false);
});

test('patience forgives rounds in a row, against the least loss so far', () => {
  const rule = whileLossDecreases(({ metrics }) => metrics['loss']!, 1);
  expect(rule(rounds(3, 2, 2.5))).toBe(false);
  expect(rule(rounds(3, 2, 2.5, 2.4))).toBe(true);
  expect(rule(rounds(3, 2, 2.5, 1.9))).toBe(false);
  expect(rule(rounds(3, 2, 2.5, 1.9, 2))).toBe(false);
});

test.each([-1, 0.5, NaN])('patience %s is refused', (patience) => {
  expect(() => whileLossDecreases(() => 0, patience)).toThrow(PruningError);
});
