import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConvSpec } from '../backend.ts';
import { sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { conv2d, conv2dFilter, conv2dInput } from './conv.ts';
import type { Dense } from './runs.ts';
import { dense, element, tabulate } from './testing/naive.ts';

const integers = (shape: Shape, seed: number): Dense =>
  dense(
    Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + seed * 13) % 19) - 9),
    shape,
  );

const small = fc.integer({ min: 0, max: 2 });
const problem = fc
  .record({
    n: fc.integer({ min: 0, max: 2 }),
    h: fc.integer({ min: 1, max: 6 }),
    w: fc.integer({ min: 1, max: 6 }),
    c: fc.integer({ min: 1, max: 3 }),
    o: fc.integer({ min: 1, max: 3 }),
    kh: fc.integer({ min: 1, max: 3 }),
    kw: fc.integer({ min: 1, max: 3 }),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padding: fc.tuple(fc.tuple(small, small), fc.tuple(small, small)),
  })
  .map(({ n, h, w, c, o, kh, kw, strides, padding }) => ({
    spec: { strides, padding },
    input: [n, h, w, c],
    filter: [kh, kw, c, o],
    out: [
      n,
      Math.floor((h + padding[0][0] + padding[0][1] - kh) / strides[0]) + 1,
      Math.floor((w + padding[1][0] + padding[1][1] - kw) / strides[1]) + 1,
      o,
    ],
  }))
  .filter(({ out }) => out[1]! > 0 && out[2]! > 0);

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((s, v, i) => s + v * b[i]!, 0);

describe('conv2d', () => {
  it('is the sum over taps of the explicitly padded input', () => {
    fc.assert(
      fc.property(problem, ({ spec, input, filter, out }) => {
        const x = integers(input, 1);
        const w = integers(filter, 2);
        const padded = (n: number, y: number, px: number, c: number): number => {
          const [iy, ix] = [y - spec.padding[0][0], px - spec.padding[1][0]];
          return iy < 0 || ix < 0 || iy >= input[1]! || ix >= input[2]! ? 0 : element(x, [n, iy, ix, c]);
        };
        const expected = tabulate(out, ([n, oy, ox, o]) => {
          let sum = 0;
          for (let ky = 0; ky < filter[0]!; ky++) {
            for (let kx = 0; kx < filter[1]!; kx++) {
              for (let c = 0; c < filter[2]!; c++) {
                const value = padded(n!, oy! * spec.strides[0] + ky, ox! * spec.strides[1] + kx, c);
                sum += value * element(w, [ky, kx, c, o!]);
              }
            }
          }
          return sum;
        });
        expect([...conv2d(x, w, spec, out)]).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('has adjoints: ⟨dy, x ⋆ w⟩ = ⟨conv2dInput(dy, w), x⟩ = ⟨conv2dFilter(x, dy), w⟩, exactly for integers', () => {
    fc.assert(
      fc.property(problem, ({ spec, input, filter, out }) => {
        const x = integers(input, 1);
        const w = integers(filter, 2);
        const dy = integers(out, 3);
        const pairing = dot(dy.values, conv2d(x, w, spec, out));
        expect(dot(conv2dInput(dy, w, spec, input), x.values)).toBe(pairing);
        expect(dot(conv2dFilter(x, dy, spec, filter), w.values)).toBe(pairing);
      }),
      { numRuns: 150 },
    );
  });

  it('propagates NaN to the pixels that see it', () => {
    const x = dense([NaN, 0, 0, 0], [1, 1, 4, 1]);
    const spec: ConvSpec = {
      strides: [1, 1],
      padding: [
        [0, 0],
        [1, 1],
      ],
    };
    expect([...conv2d(x, dense([0, 0, 0], [1, 3, 1, 1]), spec, [1, 1, 4, 1])]).toEqual([NaN, NaN, 0, 0]);
  });

  it('accumulates float32 in double precision', () => {
    const taps = 4097;
    const x = dense([1, ...new Array(taps - 1).fill(2 ** -24)], [1, 1, taps, 1], 'float32');
    const w = dense(new Array(taps).fill(1), [1, taps, 1, 1], 'float32');
    const spec: ConvSpec = {
      strides: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
    };
    expect(conv2d(x, w, spec, [1, 1, 1, 1])).toEqual(Float32Array.of(1 + 4096 * 2 ** -24));
  });
});
