import { expect, test } from 'vitest';
import { drift, end, invariant, period, stats, status } from './ode.ts';

test('the cycle closes, and the invariant is kept', () => {
  expect(status).toBe('event');
  // Tolerances of 1e-9 per step, some 80 steps.
  expect(Math.abs(drift)).toBeLessThan(1e-7);
  expect(end[1]).toBeCloseTo(1, 12);
  expect(end[0]).toBeCloseTo(2, 6);
  expect(stats.nfe).toBeGreaterThan(0);
});

test('the period is the integral along the orbit', () => {
  // dt = dx / (x (1 - y)) has ends where y = 1; in the angle around (1, 1) it has none. Trapezoid rule on a periodic function.
  const level = invariant([2, 1]);
  const n = 2000;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const [c, s] = [Math.cos((2 * Math.PI * i) / n), Math.sin((2 * Math.PI * i) / n)];
    let [low, high] = [0, Math.min(c < 0 ? -1 / c : 50, s < 0 ? -1 / s : 50)];
    for (let k = 0; k < 60; k++) {
      const middle = (low + high) / 2;
      if (invariant([1 + middle * c, 1 + middle * s]) < level) low = middle;
      else high = middle;
    }
    const [x, y] = [1 + low * c, 1 + low * s];
    // The angle turns at (x - 1) dy/dt - (y - 1) dx/dt over the squared radius.
    sum += low ** 2 / ((x - 1) * y * (x - 1) - (y - 1) * x * (1 - y));
  }
  expect(period).toBeCloseTo((2 * Math.PI * sum) / n, 6);
});
