import { describe, expect, test } from 'vitest';
import { constant, cosine, multiStep } from './schedules.ts';

test('constant', () => {
  expect([0, 1, 1e9].map(constant(0.5))).toEqual([0.5, 0.5, 0.5]);
});

describe('multiStep', () => {
  test('drops at each milestone, once', () => {
    const rate = multiStep({ initial: 1e-3, milestones: [90, 97] });
    const near = (count: number, value: number): void => expect(rate(count)).toBeCloseTo(value, 15);
    near(0, 1e-3);
    near(89, 1e-3);
    near(90, 1e-4);
    near(96, 1e-4);
    near(97, 1e-5);
    near(1e6, 1e-5);
  });

  test('milestones must ascend', () => {
    expect(() => multiStep({ initial: 1, milestones: [10, 10] })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: multiStep: milestones 10, 10 do not ascend. To fix: sort them, each once.]`,
    );
    expect(() => multiStep({ initial: 1, milestones: [NaN] })).toThrow(/do not ascend/);
  });
});

describe('cosine', () => {
  test('has its closed-form values', () => {
    const rate = cosine({ initial: 3, period: 12, final: 1 });
    // 2 + cos(π count / 12) at angles whose cosine is known.
    const expected = [3, 2 + Math.sqrt(3) / 2, 2 + Math.SQRT1_2, 2.5, 2, 1.5, 1];
    [0, 2, 3, 4, 6, 8, 12].forEach((count, i) => expect(rate(count)).toBeCloseTo(expected[i]!, 14));
    expect(rate(1000)).toBe(1);
  });

  test('the period must be positive', () => {
    expect(() => cosine({ initial: 1, period: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: cosine: period 0. To fix: give a positive number of steps or epochs.]`,
    );
  });
});
