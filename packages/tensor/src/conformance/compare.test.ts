import { describe, expect, it } from 'vitest';
import { assertClose } from './compare.ts';

const compare = (actual: number[], expected: number[], tolerance = 1e-3, elementwise = false): void =>
  assertClose(
    'y',
    { shape: [actual.length], values: actual },
    { shape: [expected.length], values: expected },
    tolerance,
    { elementwise },
  );

describe('assertClose', () => {
  it('allows an error relative to the largest element', () => {
    expect(() => compare([100.09, 0.09], [100, 0])).not.toThrow();
    expect(() => compare([100, 0.11], [100, 0])).toThrowErrorMatchingInlineSnapshot(
      `[ConformanceError: y: element 1 of [2] is 0.11, expected 0 (error 0.11, allowed 0.1). To fix: correct the kernel, or list the case as an exception with the reason.]`,
    );
  });

  it('asks each element for its own accuracy when told to', () => {
    expect(() => compare([100.09, 1e-9], [100, 1.0009e-9], 1e-3, true)).not.toThrow();
    expect(() => compare([100, 1e-9], [100, 1.002e-9], 1e-3, true)).toThrow(/element 1/);
    expect(() => compare([1e-30], [0], 1e-3, true)).toThrow(/element 0/);
  });

  it('compares small results as if they were 0.1 large', () => {
    expect(() => compare([0.9e-4], [0])).not.toThrow();
    expect(() => compare([1.1e-4], [0])).toThrow(/element 0/);
  });

  it('wants NaN and Infinity exactly where they are', () => {
    expect(() => compare([NaN, Infinity, -Infinity, 1], [NaN, Infinity, -Infinity, 1])).not.toThrow();
    for (const [x, y] of [
      [NaN, 0],
      [0, NaN],
      [Infinity, -Infinity],
      [Infinity, 1e300],
      [1, Infinity],
      [NaN, Infinity],
    ] as const) {
      expect(() => compare([x], [y]), `${x} for ${y}`).toThrow(/element 0/);
    }
    // An Infinity in the result does not widen what is allowed for its neighbours.
    expect(() => compare([Infinity, 2], [Infinity, 1])).toThrow(/element 1/);
  });

  it('compares shapes', () => {
    expect(() => assertClose('y', { shape: [2, 1], values: [1, 2] }, { shape: [2], values: [1, 2] }, 1)).toThrow(
      /shape/,
    );
    expect(() => assertClose('y', { shape: [2], values: [1] }, { shape: [2], values: [1, 2] }, 1)).toThrow(/1 values/);
  });
});
