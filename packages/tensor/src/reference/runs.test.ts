import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stridesOf } from '../shape.ts';
import { broadcastStrides, forEachRun } from './runs.ts';
import { indices } from './testing/naive.ts';

/** Every offset that forEachRun visits, in order. */
function visited(shape: number[], strides: number[][], starts: number[]): number[][] {
  const out: number[][] = [];
  forEachRun(shape, strides, starts, (offsets, length, steps) => {
    for (let i = 0; i < length; i++) out.push(offsets.map((offset, k) => offset + i * steps[k]!));
  });
  return out;
}

describe('broadcastStrides', () => {
  it('gives 0 along new axes and axes of size 1', () => {
    expect(broadcastStrides([3, 1, 2], [5, 3, 4, 2])).toEqual([0, 2, 0, 1]);
    expect(broadcastStrides([], [2, 3])).toEqual([0, 0]);
  });
});

describe('forEachRun', () => {
  it('visits contiguous operands in one run', () => {
    let runs = 0;
    forEachRun([3, 4, 5], [stridesOf([3, 4, 5]), stridesOf([3, 4, 5])], [0, 0], () => runs++);
    expect(runs).toBe(1);
  });

  it('visits a scalar once and an empty box never', () => {
    expect(visited([], [[], []], [4, 7])).toEqual([[4, 7]]);
    expect(visited([1, 1], [[9, 9]], [3])).toEqual([[3]]);
    expect(visited([2, 0, 3], [[0, 3, 1]], [0])).toEqual([]);
  });

  it('visits what nested loops visit, for any strides', () => {
    const axis = fc.record({ size: fc.integer({ min: 0, max: 4 }), a: fc.nat(20), b: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(axis, { maxLength: 4 }), (axes) => {
        const shape = axes.map(({ size }) => size);
        const a = axes.map((x) => x.a);
        const b = axes.map((x) => x.b);
        const dot = (s: number[], index: number[]): number => index.reduce((sum, i, k) => sum + i * s[k]!, 0);
        const expected = indices(shape).map((index) => [5 + dot(a, index), 11 + dot(b, index)]);
        expect(visited(shape, [a, b], [5, 11])).toEqual(expected);
      }),
    );
  });
});
