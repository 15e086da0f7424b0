import { describe, expect, it } from 'vitest';
import { firstStep, pidOf, probeStep, stepFactor } from './control.ts';

const control = { safety: 0.9, minFactor: 0.2, maxFactor: 10 };

describe('stepFactor', () => {
  it('aims at an error ratio of 1 with a margin', () => {
    expect(stepFactor(2 ** 5, 5, control)).toBeCloseTo(0.45, 14);
    expect(stepFactor(0.5 ** 4, 4, control)).toBeCloseTo(1.8, 14);
  });

  it('keeps within its limits, and does not shrink an accepted step', () => {
    expect(stepFactor(0, 5, control)).toBe(10);
    expect(stepFactor(1e-30, 5, control)).toBe(10);
    expect(stepFactor(1e30, 5, control)).toBe(0.2);
    expect(stepFactor(Infinity, 5, control)).toBe(0.2);
    expect(stepFactor(0.99, 5, control)).toBe(1);
  });
});

it.each(['I', 'PI', 'PID'] as const)(
  '%s gives a finite factor for errors of 0, 3 and Infinity, after any of them',
  (name) => {
    const errors = [0, 3, Infinity];
    for (const ratio of errors)
      for (const earlier of [[], ...errors.map((e) => [e]), ...errors.flatMap((e) => errors.map((d) => [e, d]))]) {
        const factor = stepFactor(ratio, 5, { ...control, pid: pidOf(name) }, earlier);
        expect(factor).toBeGreaterThanOrEqual(control.minFactor);
        expect(factor).toBeLessThanOrEqual(control.maxFactor);
      }
  },
);

describe('the first step', () => {
  it('is 1e-6 to begin with where the state or its derivative tells nothing', () => {
    expect([probeStep(0, 1), probeStep(1, 0), probeStep(1, Infinity), probeStep(NaN, 1)]).toEqual([
      1e-6, 1e-6, 1e-6, 1e-6,
    ]);
  });

  it('follows Hairer, Nørsett & Wanner', () => {
    expect(probeStep(3, 2)).toBe(0.015);
    expect(firstStep(0.015, 2, 4, 5)).toBeCloseTo((0.01 / 4) ** 0.2, 15);
    expect(firstStep(1e-6, 2, 4, 5)).toBeCloseTo(1e-4, 18); // at most a hundred times the probe
    expect(firstStep(1e-6, 0, 0, 5)).toBe(1e-6);
  });

  it('stays positive when the second derivative cannot be had', () => {
    expect([firstStep(0.01, 1, NaN, 5), firstStep(0.01, 1, Infinity, 5)]).toEqual([0.01, 0.01]);
  });
});
