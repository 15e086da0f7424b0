import { tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chain } from './chain.ts';
import { clipByGlobalNorm, clipByValue, globalNorm } from './clip.ts';

const backend = createReferenceBackend();
const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 8 });
const read = (updates: Record<string, ReturnType<typeof tensor>>): number[] =>
  Object.values(updates).flatMap((x) => [...x.dataSync()]);

describe('clipByGlobalNorm', () => {
  test('bounds the norm of all gradients together and keeps their direction', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (a, b, limit) => {
        const grads = { a: tensor(a, { backend }), b: tensor(b, { backend }) };
        const before = [...a, ...b];
        const norm = Math.hypot(...before);
        const after = read(clipByGlobalNorm(limit).update(grads, [], grads).updates);
        const scale = Math.min(1, limit / (norm + 1e-6));
        // A dozen roundings, each relative to the largest number.
        after.forEach((x, i) => expect(Math.abs(x - before[i]! * scale)).toBeLessThanOrEqual(1e-14 * norm));
        expect(Math.hypot(...after)).toBeLessThanOrEqual(limit * (1 + 1e-12));
        if (norm + 1e-6 <= limit * (1 - 1e-12)) expect(after).toEqual(before);
      }),
    );
  });

  test('zero gradients stay zero', () => {
    const grads = { a: tensor([0, 0], { backend }) };
    expect(read(clipByGlobalNorm(1).update(grads, [], grads).updates)).toEqual([0, 0]);
  });
});

test('clipByValue bounds each element', () => {
  const grads = { a: tensor([-3, -0.5, 0, 0.5, 3], { backend }) };
  expect(read(clipByValue(1).update(grads, [], grads).updates)).toEqual([-1, -0.5, 0, 0.5, 1]);
});

test('chained transforms apply from left to right', () => {
  const grads = { a: tensor([30, 4], { backend }) };
  const transform = chain(clipByValue(3), clipByGlobalNorm(1));
  const live = backend.liveBuffers();
  const { updates } = transform.update(grads, transform.init(grads), grads);
  for (const x of read(updates)) expect(x).toBeCloseTo(3 / (Math.hypot(3, 3) + 1e-6), 14);
  expect(backend.liveBuffers()).toBe(live + 1);
});

test('globalNorm is the Euclidean norm of everything', () => {
  expect(
    globalNorm({
      a: tensor(
        [
          [1, 2],
          [2, 4],
        ],
        { backend },
      ),
      b: tensor(0, { backend }),
    }).dataSync()[0],
  ).toBe(5);
  expect(() => globalNorm({})).toThrow(/no tensor/);
});

test('a limit must be positive', () => {
  expect(() => clipByGlobalNorm(0)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: clipByGlobalNorm: the limit is 0. To fix: give a positive number.]`,
  );
  expect(() => clipByValue(NaN)).toThrow(/clipByValue/);
});
