import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReduceOp } from '../backend.ts';
import { reducedShape } from '../shape.ts';
import { reduce } from './reduce.ts';
import { dense, distinct, element, indices, tabulate } from './testing/naive.ts';

const ops: readonly ReduceOp[] = ['sum', 'max', 'min'];
const fold: Readonly<Record<ReduceOp, (values: number[]) => number>> = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
};

describe('reduce', () => {
  const problem = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }).chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.subarray(
        shape.map((_, i) => i),
        { minLength: 1 },
      ),
    ),
  );

  it.each(ops)('%s over every set of axes', (op) => {
    fc.assert(
      fc.property(problem, ([shape, axes]) => {
        const x = distinct(shape); // multiples of 2⁻¹⁰ below 2⁶: sums of these are exact
        const outShape = reducedShape(shape, axes);
        const expected = tabulate(outShape, (kept) => {
          const all = indices(shape).filter((index) => {
            const rest = index.filter((_, axis) => !axes.includes(axis));
            return rest.every((n, k) => n === kept[k]);
          });
          return fold[op](all.map((index) => element(x, index)));
        });
        expect([...reduce(op, x, axes, outShape)]).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('gives 0 and ∓Infinity for nothing', () => {
    expect([...reduce('sum', dense([], [0, 2]), [0], [2])]).toEqual([0, 0]);
    expect([...reduce('max', dense([], [0, 2]), [0], [2])]).toEqual([-Infinity, -Infinity]);
    expect([...reduce('min', dense([], [2, 0]), [1], [2])]).toEqual([Infinity, Infinity]);
  });

  it.each(ops)('%s propagates NaN at any place, along either axis', (op) => {
    for (let at = 0; at < 3; at++) {
      const row = [1, 2, 3];
      row[at] = NaN;
      expect([...reduce(op, dense(row, [1, 3]), [1], [1])]).toEqual([NaN]);
      expect([...reduce(op, dense(row, [3, 1]), [0], [1])]).toEqual([NaN]);
      expect([...reduce(op, dense([...row, ...row], [2, 3]), [0], [3])][at]).toBeNaN();
    }
    expect([...reduce('sum', dense([Infinity, -Infinity], [2]), [0], [])]).toEqual([NaN]);
  });

  it('accumulates float32 in double precision', () => {
    const x = dense([1, ...new Array(4096).fill(2 ** -24)], [4097], 'float32');
    expect(reduce('sum', x, [0], [])).toEqual(Float32Array.of(1 + 4096 * 2 ** -24));
  });
});
