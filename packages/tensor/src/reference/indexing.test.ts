import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gather, scatterAdd } from './indexing.ts';
import { dense, distinct, element, indices as allIndices, tabulate } from './testing/naive.ts';

const problem = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  .chain((shape) => fc.tuple(fc.constant(shape), fc.nat(shape.length - 1)))
  .chain(([shape, axis]) =>
    fc.record({
      shape: fc.constant(shape),
      axis: fc.constant(axis),
      rows: fc.array(fc.nat(shape[axis]! - 1), { maxLength: 6 }),
    }),
  );

describe('gather', () => {
  it('reads rows along the axis, repeats and none included', () => {
    fc.assert(
      fc.property(problem, ({ shape, axis, rows }) => {
        const x = distinct(shape);
        const expected = tabulate(shape.with(axis, rows.length), (index) =>
          element(x, index.with(axis, rows[index[axis]!]!)),
        );
        expect([...gather(x, dense(rows, [rows.length], 'int32'), axis)]).toEqual(expected);
      }),
    );
  });

  it('refuses an index out of range', () => {
    expect(() => gather(distinct([3, 2]), dense([3], [1], 'int32'), 0)).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: gather: index 3 is out of range for an axis of size 3. To fix: use indices from 0 to 2.]`,
    );
    expect(() => gather(distinct([3, 2]), dense([-1], [1], 'int32'), 0)).toThrow(/index -1/);
  });
});

describe('scatterAdd', () => {
  it('adds every row where its index says', () => {
    fc.assert(
      fc.property(problem, ({ shape, axis, rows }) => {
        const updates = distinct(shape.with(axis, rows.length));
        const expected = tabulate(shape, (index) => {
          const hits = allIndices(updates.shape).filter((u) =>
            u.every((i, a) => (a === axis ? rows[i] === index[a] : i === index[a])),
          );
          return hits.reduce((sum, u) => sum + element(updates, u), 0);
        });
        expect([...scatterAdd(updates, dense(rows, [rows.length], 'int32'), axis, shape)]).toEqual(expected);
      }),
    );
  });

  it('adds float32 repeats in double precision', () => {
    const updates = dense([1, ...new Array(4096).fill(2 ** -24)], [4097], 'float32');
    const zeros = dense(new Array(4097).fill(0), [4097], 'int32');
    expect(scatterAdd(updates, zeros, 0, [1])).toEqual(Float32Array.of(1 + 4096 * 2 ** -24));
  });

  it('refuses an index out of range', () => {
    expect(() => scatterAdd(distinct([1]), dense([2], [1], 'int32'), 0, [2])).toThrow(/index 2 is out of range/);
  });
});
