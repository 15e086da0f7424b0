import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../shape.ts';
import { matMul } from './matmul.ts';
import { dense, element, tabulate } from './testing/naive.ts';
import type { Dense } from './runs.ts';

/** Small integers: every product and sum is exact, so that the order of summation does not matter and equality can be asked. */
const integers = (shape: readonly number[], seed: number): Dense =>
  dense(
    Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + seed * 13) % 19) - 9),
    shape,
  );

const swap = (flag: boolean, lead: number[], rows: number, columns: number): number[] =>
  flag ? [...lead, columns, rows] : [...lead, rows, columns];

describe('matMul', () => {
  it('is Σ a[i, p] b[p, j] for every transpose, batch and odd size', () => {
    const size = fc.integer({ min: 0, max: 11 });
    const lead = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 });
    fc.assert(
      fc.property(lead, size, size, size, fc.boolean(), fc.boolean(), (batch, m, k, n, transposeA, transposeB) => {
        const a = integers(swap(transposeA, batch, m, k), 1);
        const b = integers(swap(transposeB, batch, k, n), 2);
        const outShape = [...batch, m, n];
        const expected = tabulate(outShape, (index) => {
          const at = index.slice(0, -2);
          const [i, j] = index.slice(-2) as [number, number];
          let sum = 0;
          for (let p = 0; p < k; p++) {
            sum += element(a, swap(transposeA, at, i, p)) * element(b, swap(transposeB, at, p, j));
          }
          return sum;
        });
        expect([...matMul(a, b, transposeA, transposeB, outShape)]).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('gives zeros when the contracted axis is empty', () => {
    expect([...matMul(dense([], [2, 0]), dense([], [0, 9]), false, false, [2, 9])]).toEqual(new Array(18).fill(0));
  });

  it('propagates NaN, also times 0, and only into its row or column', () => {
    for (const n of [2, 9]) {
      const a = dense([NaN, 1, 1, 1], [2, 2]);
      const out = matMul(a, dense(new Array(2 * n).fill(0), [2, n]), false, false, [2, n]);
      expect([...out]).toEqual([...new Array(n).fill(NaN), ...new Array(n).fill(0)]);
    }
  });

  it('accumulates float32 in double precision', () => {
    // 1 + 4096·2⁻²⁴: each addend vanishes beside 1 in single precision.
    const k = 4097;
    const ones = dense(new Array(k).fill(1), [k, 1], 'float32');
    const a = dense([1, ...new Array(k - 1).fill(2 ** -24)], [1, k], 'float32');
    expect(matMul(a, ones, false, false, [1, 1])).toEqual(Float32Array.of(1 + 4096 * 2 ** -24));
    const wide = dense(new Array(k * 8).fill(1), [k, 8], 'float32');
    expect(matMul(a, wide, false, false, [1, 8])[7]).toBe(Math.fround(1 + 4096 * 2 ** -24));
  });
});
