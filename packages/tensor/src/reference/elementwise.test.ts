import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BinaryOp, UnaryOp } from '../backend.ts';
import { broadcastShapes } from '../shape.ts';
import { affine, binary, cast, select, unary } from './elementwise.ts';
import { broadcastElement, dense, distinct, tabulate } from './testing/naive.ts';

const apply = (op: UnaryOp, ...xs: number[]): number[] => [...unary(op, dense(xs, [xs.length]))];

describe('unary', () => {
  // Values to 17 digits from the functions' series; 4 ulp allows for libraries that are not correctly rounded.
  const known: readonly [UnaryOp, number, number][] = [
    ['neg', 2.5, -2.5],
    ['abs', -2.5, 2.5],
    ['sign', -2.5, -1],
    ['sign', 0, 0],
    ['step', 0, 0],
    ['step', 0.1, 1],
    ['step', -0.1, 0],
    ['floor', -2.5, -3],
    ['exp', 1, 2.718281828459045],
    ['expm1', 1e-10, 1.00000000005e-10],
    ['log', 2, 0.6931471805599453],
    ['log1p', 1e-10, 9.9999999995e-11],
    ['sqrt', 2, 1.4142135623730951],
    ['square', -3, 9],
    ['reciprocal', 8, 0.125],
    ['sin', 1, 0.8414709848078965],
    ['cos', 1, 0.5403023058681398],
    ['tanh', 0.5, 0.46211715726000976],
    ['sigmoid', 1, 0.731058578630004879],
    ['sigmoid', -1, 0.268941421369995121],
    ['softplus', 1, 1.31326168751822283],
    ['softplus', -1, 0.313261687518222835],
    ['relu', -2, 0],
    ['relu', 2, 2],
  ];
  it.each(known)('%s(%f) = %f', (op, x, y) => {
    const [value] = apply(op, x) as [number];
    expect(Math.abs(value - y)).toBeLessThanOrEqual(4 * 2 ** -53 * Math.abs(y));
  });

  it('keeps sigmoid and softplus finite and accurate in the tails', () => {
    // To first order σ(−x) = e⁻ˣ and softplus(−x) = e⁻ˣ; the next term is e⁻²ˣ, below rounding for x = 40.
    expect(apply('sigmoid', -40)[0]! / Math.exp(-40)).toBeCloseTo(1, 14);
    expect(apply('softplus', -40)[0]! / Math.exp(-40)).toBeCloseTo(1, 14);
    expect(apply('sigmoid', 1000, -1000)).toEqual([1, 0]);
    expect(apply('softplus', 1000, -1000)).toEqual([1000, 0]);
  });

  it('propagates NaN in all but step', () => {
    const ops: UnaryOp[] = [
      'neg', 'abs', 'sign', 'floor', 'exp', 'expm1', 'log', 'log1p', 'sqrt',
      'square', 'reciprocal', 'sin', 'cos', 'tanh', 'sigmoid', 'softplus', 'relu',
    ]; // prettier-ignore
    for (const op of ops) expect(apply(op, NaN), op).toEqual([NaN]);
    expect(apply('step', NaN)).toEqual([0]);
  });

  it('has the limits at Infinity', () => {
    const limits: Partial<Record<UnaryOp, [number, number]>> = {
      exp: [Infinity, 0],
      expm1: [Infinity, -1],
      log: [Infinity, NaN],
      sqrt: [Infinity, NaN],
      square: [Infinity, Infinity],
      tanh: [1, -1],
      sigmoid: [1, 0],
      softplus: [Infinity, 0],
      relu: [Infinity, 0],
      sign: [1, -1],
      step: [1, 0],
      sin: [NaN, NaN],
    };
    for (const [op, expected] of Object.entries(limits)) {
      expect(apply(op as UnaryOp, Infinity, -Infinity), op).toEqual(expected);
    }
    expect(apply('log', 0, -1)).toEqual([-Infinity, NaN]);
    expect(apply('reciprocal', 0)).toEqual([Infinity]);
  });

  it('computes float32 in double precision and rounds once', () => {
    const x = dense([0.1, 3, 20], [3], 'float32');
    expect([...unary('exp', x)]).toEqual([...x.values].map((v) => Math.fround(Math.exp(v))));
    expect(unary('exp', x)).toBeInstanceOf(Float32Array);
  });

  it('takes empty operands', () => {
    expect(unary('exp', dense([], [0, 3]))).toEqual(new Float64Array(0));
  });
});

describe('affine', () => {
  it('is x · scale + shift, rounded once', () => {
    expect([...affine(dense([1, -2], [2]), 3, 0.5)]).toEqual([3.5, -5.5]);
    const x = dense([0.1], [1], 'float32');
    expect(affine(x, 1 / 3, 1e-9)[0]).toBe(Math.fround(x.values[0]! * (1 / 3) + 1e-9));
  });
});

describe('cast', () => {
  it('rounds to float32 and truncates to int32', () => {
    expect(cast(dense([0.1], [1]), 'float32')).toEqual(Float32Array.of(0.1));
    expect(cast(dense([2.9, -2.9], [2]), 'int32')).toEqual(Int32Array.of(2, -2));
    expect(cast(dense([3], [1], 'int32'), 'float64')).toEqual(Float64Array.of(3));
  });
});

const scalar: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  maximum: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a > b ? a : b),
  minimum: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a < b ? a : b),
  equal: (a, b) => Number(a === b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
};
const binaryOps = Object.keys(scalar) as BinaryOp[];

/** Pairs of shapes that broadcast: a common shape, of which each side keeps a suffix with some axes set to 1. */
const broadcastable = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean(), fc.boolean()), { maxLength: 4 })
  .chain((axes) =>
    fc.tuple(fc.nat(axes.length), fc.nat(axes.length)).map(([dropA, dropB]) => ({
      a: axes.map(([n, one]) => (one ? 1 : n)).slice(dropA),
      b: axes.map(([n, , one]) => (one ? 1 : n)).slice(dropB),
    })),
  );

describe('binary', () => {
  it.each(binaryOps)('%s broadcasts', (op) => {
    fc.assert(
      fc.property(broadcastable, ({ a, b }) => {
        const outShape = broadcastShapes(op, a, b);
        const x = distinct(a);
        const y = distinct(b);
        const expected = tabulate(outShape, (index) =>
          scalar[op](broadcastElement(x, index), broadcastElement(y, index)),
        );
        expect([...binary(op, x, y, outShape)]).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('propagates NaN in arithmetic, and compares as false with it', () => {
    const x = dense([NaN, 1, NaN], [3]);
    const y = dense([1, NaN, NaN], [3]);
    for (const op of binaryOps) {
      const compares = ['equal', 'less', 'lessEqual'].includes(op);
      expect([...binary(op, x, y, [3])], op).toEqual(compares ? [0, 0, 0] : [NaN, NaN, NaN]);
    }
  });

  it('follows IEEE 754 at Infinity and division by zero', () => {
    expect([...binary('div', dense([1, -1, 0], [3]), dense([0, 0, 0], [3]), [3])]).toEqual([Infinity, -Infinity, NaN]);
    expect([...binary('sub', dense([Infinity], [1]), dense([Infinity], [1]), [1])]).toEqual([NaN]);
    expect([...binary('mul', dense([Infinity], [1]), dense([0], [1]), [1])]).toEqual([NaN]);
  });

  it('rounds float32 once', () => {
    const x = dense([0.1], [1], 'float32');
    const y = dense([0.7], [], 'float32');
    expect(binary('div', x, y, [1])).toEqual(Float32Array.of(x.values[0]! / y.values[0]!));
  });
});

describe('select', () => {
  it('takes a where the condition is not 0, over any broadcast', () => {
    fc.assert(
      fc.property(broadcastable, broadcastable, ({ a, b }, { a: c }) => {
        let outShape: readonly number[];
        try {
          outShape = broadcastShapes('select', broadcastShapes('select', a, b), c);
        } catch {
          return;
        }
        const condition = dense(
          [...distinct(c).values].map((v) => Number(v > 0)),
          c,
        );
        const x = distinct(a);
        const y = distinct(b);
        const expected = tabulate(outShape, (index) =>
          broadcastElement(broadcastElement(condition, index) ? x : y, index),
        );
        expect([...select(condition, x, y, outShape)]).toEqual(expected);
      }),
    );
  });

  it('does not let NaN through from the side that is not taken', () => {
    expect([...select(dense([1, 0], [2]), dense([5, NaN], [2]), dense([NaN, 6], [2]), [2])]).toEqual([5, 6]);
  });
});
