import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  mergeBroadcastAxes,
  mergeReducedAxes,
  mergeTransposedAxes,
  mergeUntouchedAxes,
  sizeBetween,
} from './shapes.ts';

const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 });
const product = (xs: readonly number[]): number => xs.reduce((a, b) => a * b, 1);

/** The flat index in an operand of `shape` of each element of `out`, by NumPy's rule. */
function broadcastIndices(shape: readonly number[], out: readonly number[]): number[] {
  return Array.from({ length: product(out) }, (_, flat) => {
    let [index, stride, rest] = [0, 1, flat];
    for (let i = 1; i <= out.length; i++) {
      const coordinate = rest % out[out.length - i]!;
      rest = Math.floor(rest / out[out.length - i]!);
      const n = shape[shape.length - i] ?? 1;
      if (n !== 1) index += coordinate * stride;
      stride *= n;
    }
    return index;
  });
}

function transposedIndices(shape: readonly number[], permutation: readonly number[]): number[] {
  const out = permutation.map((axis) => shape[axis]!);
  return Array.from({ length: product(shape) }, (_, flat) => {
    let [index, rest] = [0, flat];
    for (let i = out.length - 1; i >= 0; i--) {
      index += (rest % out[i]!) * sizeBetween(shape, permutation[i]! + 1, shape.length);
      rest = Math.floor(rest / out[i]!);
    }
    return index;
  });
}

describe('mergeBroadcastAxes', () => {
  it('leaves every element where it was', () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.boolean()), fc.nat(6), (out, flips, dropped) => {
        const a = out.map((n) => (flips.next().value ? n : 1)).slice(Math.min(dropped, out.length));
        const merged = mergeBroadcastAxes([a, out], out);
        expect(merged.shapes[1]).toEqual(merged.out);
        expect(broadcastIndices(merged.shapes[0]!, merged.out)).toEqual(broadcastIndices(a, out));
      }),
    );
  });

  it('merges a row to two axes and equal shapes to one', () => {
    expect(mergeBroadcastAxes([[4, 3, 5], [3, 5]], [4, 3, 5])).toEqual({ shapes: [[4, 15], [1, 15]], out: [4, 15] }); // prettier-ignore
    expect(mergeBroadcastAxes([[2, 1, 3], [2, 1, 3]], [2, 1, 3])).toEqual({ shapes: [[6], [6]], out: [6] }); // prettier-ignore
  });
});

describe('mergeTransposedAxes', () => {
  it('leaves every element where it was', () => {
    fc.assert(
      fc.property(
        shapes.chain((shape) =>
          fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length })),
        ),
        ([shape, permutation]) => {
          const merged = mergeTransposedAxes(shape, permutation);
          expect(merged.shape.length).toBeLessThanOrEqual(shape.length);
          expect(transposedIndices(merged.shape, merged.permutation)).toEqual(transposedIndices(shape, permutation));
        },
      ),
    );
  });

  it('merges neighbours, also across axes of size 1', () => {
    expect(mergeTransposedAxes([2, 3, 1, 5], [3, 0, 2, 1])).toEqual({ shape: [6, 5], permutation: [1, 0] });
    expect(mergeTransposedAxes([2, 3], [0, 1])).toEqual({ shape: [6], permutation: [0] });
  });
});

describe('mergeReducedAxes', () => {
  it('alternates between kept and reduced', () => {
    expect(mergeReducedAxes([2, 3, 1, 5, 4], [3, 4])).toEqual({ shape: [6, 20], reduced: [false, true] });
    expect(mergeReducedAxes([2, 3, 4], [1])).toEqual({ shape: [2, 3, 4], reduced: [false, true, false] });
    expect(mergeReducedAxes([1, 1], [0])).toEqual({ shape: [], reduced: [] });
  });
});

describe('mergeUntouchedAxes', () => {
  it('joins what is whole to the axis before', () => {
    expect(mergeUntouchedAxes([2, 3, 4, 5], (axis) => axis !== 2)).toEqual({ starts: [0, 2], inner: [3, 5] });
  });
});
