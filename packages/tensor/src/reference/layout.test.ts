import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { broadcastTo, concat, fill, pad, slice, transpose } from './layout.ts';
import { broadcastElement, dense, distinct, element, tabulate } from './testing/naive.ts';

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
const shapeAndPermutation = shapes.chain((shape) =>
  fc.tuple(
    fc.constant(shape),
    fc.shuffledSubarray(
      shape.map((_, i) => i),
      { minLength: shape.length },
    ),
  ),
);

describe('fill', () => {
  it('repeats a value', () => {
    expect(fill([2, 3], 0.5, 'float32')).toEqual(new Float32Array(6).fill(0.5));
    expect(fill([], 3, 'int32')).toEqual(Int32Array.of(3));
    expect(fill([0, 2], 3, 'float64')).toEqual(new Float64Array(0));
  });
});

describe('transpose', () => {
  it('permutes the index', () => {
    fc.assert(
      fc.property(shapeAndPermutation, ([shape, permutation]) => {
        const x = distinct(shape);
        const outShape = permutation.map((axis) => shape[axis]!);
        const expected = tabulate(outShape, (index) => {
          const source = new Array<number>(index.length);
          permutation.forEach((axis, j) => (source[axis] = index[j]!));
          return element(x, source);
        });
        expect([...transpose(x, permutation)]).toEqual(expected);
      }),
    );
  });

  it('is undone by the inverse permutation', () => {
    fc.assert(
      fc.property(shapeAndPermutation, ([shape, permutation]) => {
        const x = distinct(shape);
        const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
        const there = { ...x, shape: permutation.map((axis) => shape[axis]!), values: transpose(x, permutation) };
        expect(transpose(there, inverse)).toEqual(x.values);
      }),
    );
  });
});

describe('broadcastTo', () => {
  it('repeats along new axes and axes of size 1', () => {
    fc.assert(
      fc.property(shapes, fc.nat(4), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (shape, drop, ones) => {
        const from = shape.map((n, axis) => (ones[axis] ? 1 : n)).slice(drop);
        const x = distinct(from);
        expect([...broadcastTo(x, shape)]).toEqual(tabulate(shape, (index) => broadcastElement(x, index)));
      }),
    );
  });
});

describe('slice and pad', () => {
  const box = fc
    .array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)), { maxLength: 4 })
    .map((axes) => ({ begin: axes.map(([b]) => b), size: axes.map(([, s]) => s), after: axes.map(([, , a]) => a) }));

  it('slice reads the box', () => {
    fc.assert(
      fc.property(box, ({ begin, size, after }) => {
        const x = distinct(size.map((n, axis) => begin[axis]! + n + after[axis]!));
        const expected = tabulate(size, (index) =>
          element(
            x,
            index.map((i, axis) => i + begin[axis]!),
          ),
        );
        expect([...slice(x, begin, size)]).toEqual(expected);
      }),
    );
  });

  it('pad puts zeros around, and slicing them off gives x back', () => {
    fc.assert(
      fc.property(box, ({ begin, size, after }) => {
        const x = distinct(size);
        const shape = size.map((n, axis) => begin[axis]! + n + after[axis]!);
        const padded = pad(
          x,
          begin.map((b, axis) => [b, after[axis]!] as const),
        );
        const expected = tabulate(shape, (index) => {
          const source = index.map((i, axis) => i - begin[axis]!);
          return source.every((i, axis) => i >= 0 && i < size[axis]!) ? element(x, source) : 0;
        });
        expect([...padded]).toEqual(expected);
        expect(slice({ ...x, shape, values: padded }, begin, size)).toEqual(x.values);
      }),
    );
  });
});

describe('concat', () => {
  it('is undone by slices', () => {
    fc.assert(
      fc.property(
        shapes.filter((shape) => shape.length > 0),
        fc.nat(3),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
        (shape, axisSeed, sizes) => {
          const axis = axisSeed % shape.length;
          const parts = sizes.map((n, i) => {
            const x = distinct(shape.with(axis, n));
            return { ...x, values: x.values.map((v) => v + 1000 * i) };
          });
          const total = sizes.reduce((a, b) => a + b, 0);
          const outShape = shape.with(axis, total);
          const whole = { ...parts[0]!, shape: outShape, values: concat(parts, axis, outShape) };
          let start = 0;
          for (const part of parts) {
            const begin = shape.map((_, i) => (i === axis ? start : 0));
            expect(slice(whole, begin, part.shape)).toEqual(part.values);
            start += part.shape[axis]!;
          }
        },
      ),
    );
  });

  it('keeps the dtype', () => {
    expect(concat([dense([1], [1], 'int32'), dense([2], [1], 'int32')], 0, [2])).toEqual(Int32Array.of(1, 2));
  });
});
