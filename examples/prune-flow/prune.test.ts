import { expect, test } from 'vitest';
import { evaluate } from '../train-flow/train.ts';
import { compacted, control, costs, small, sparse } from './prune.ts';

test('sizes fall by the schedule, those of the control do not', () => {
  // Steps of whole neurons, of 5 parameters out of 162.
  [1, 0.6, 0.35].forEach((keep, i) => {
    expect(Math.abs(sparse[i].report.keepRatio - keep)).toBeLessThan(5 / 162);
    expect(control[i].report.keepRatio).toBe(1);
  });
});

test('pruned flows are still densities of the data', () => {
  // 2.838 is a normal distribution's.
  for (const { metrics } of [...sparse, ...control]) expect(metrics['nll']).toBeLessThan(1.8);
});

test('the compacted flow is smaller, and the same function', async () => {
  const { params, metrics } = sparse.at(-1)!;
  const size = Object.values(small.params).reduce((sum, { shape }) => sum + shape.reduce((n, m) => n * m, 1), 0);
  expect(size).toBe(sparse.at(-1)!.report.size);
  expect((await evaluate(params)).nll).toBe(metrics['nll']);
  // Solver steps within a tolerance of 1e-3, in float32.
  expect(Math.abs(compacted.nll - metrics['nll'])).toBeLessThan(1e-3);
});

test('the compacted flow costs what its non-zeros cost before', () => {
  // 2 × 32 weights in, 32 × 2 out; biases are added, not multiplied with.
  const { masked, compacted } = costs;
  expect(compacted.parameters).toBe(masked.nonZeros);
  expect(masked.multiplyAdds / masked.nfe).toBe(128);
  expect(compacted.multiplyAdds / compacted.nfe).toBe(masked.nonZeroMultiplyAdds / masked.nfe);
  expect(compacted.multiplyAdds / compacted.nfe).toBeLessThan(128 / 2);
  expect(masked.milliseconds).toBeGreaterThan(0);
});
