import * as ops from '../../index.ts';
import type { Tensor } from '../../index.ts';
import { fixed } from '../random.ts';
import { constant, index } from '../spec.ts';
import type { OpSpec } from '../spec.ts';

const unary = [
  'neg', 'abs', 'sign', 'step', 'floor', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'square', 'reciprocal',
  'sin', 'cos', 'tanh', 'sigmoid', 'softplus', 'relu', 'elu', 'swish',
] as const; // prettier-ignore

const binary = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'equal', 'less', 'lessEqual'] as const;

/** Outside: sin and cos of Infinity, which are NaN on a CPU and anything on a GPU. */
const limitless: readonly string[] = ['sin', 'cos'];

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** The derivative of f at x for a cotangent of ones. */
function pullOnes(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const { value, pullback } = ops.vjp(f, x);
  return pullback(ops.onesLike(value));
}

/** Values at and around the special numbers of IEEE 754. Derivatives there are not asked for. */
export const specialValueSpecs: readonly OpSpec[] = [
  ...unary.map((op): OpSpec => ({
    op,
    variant: 'NaN',
    inputs: [constant([3], fixed(nan, 0.5, nan))],
    f: (x) => ops[op](x),
    order: 0,
  })),
  ...unary
    .filter((op) => !limitless.includes(op))
    .map((op): OpSpec => ({
      op,
      variant: 'Infinity',
      inputs: [constant([3], fixed(inf, 0.5, -inf))],
      f: (x) => ops[op](x),
      order: 0,
    })),
  ...unary.map((op): OpSpec => ({
    op,
    variant: 'zero',
    inputs: [constant([2], fixed(0, 0.5))],
    f: (x) => ops[op](x),
    order: 0,
  })),
  ...(['log', 'log1p', 'sqrt'] as const).map((op): OpSpec => ({
    op,
    variant: 'outside its domain',
    inputs: [constant([2], fixed(-2, 0.5))],
    f: (x) => ops[op](x),
    order: 0,
  })),
  ...binary.map((op): OpSpec => ({
    op,
    variant: 'NaN',
    inputs: [constant([4], fixed(nan, 1, nan, 1)), constant([4], fixed(1, nan, nan, 2))],
    f: (a, b) => ops[op](a, b),
    order: 0,
  })),
  ...binary.map((op): OpSpec => ({
    op,
    variant: 'Infinity',
    inputs: [constant([6], fixed(inf, -inf, 1, inf, inf, 0)), constant([6], fixed(1, 2, -inf, -inf, inf, inf))],
    f: (a, b) => ops[op](a, b),
    order: 0,
  })),
  {
    op: 'div',
    variant: 'by zero',
    inputs: [constant([3], fixed(1, -1, 0)), constant([3], fixed(0, 0, 0))],
    f: (a, b) => ops.div(a, b),
    order: 0,
  },
  {
    op: 'pow',
    variant: 'at and beyond the edge of its domain',
    inputs: [constant([6], fixed(0, 0, -8, nan, 2, -2)), constant([6], fixed(2, 0, 0.5, 1, nan, 3))],
    f: (a, b) => ops.pow(a, b),
    order: 0,
  },
  {
    op: 'where',
    variant: 'NaN on the side that is not taken',
    inputs: [constant([3], fixed(1, 0, 1)), constant([3], fixed(1, nan, inf)), constant([3], fixed(nan, 2, nan))],
    f: (c, a, b) => ops.where(c, a, b),
    order: 0,
  },
  {
    op: 'affine',
    variant: 'NaN and Infinity',
    inputs: [constant([3], fixed(nan, inf, -inf))],
    f: (x) => ops.affine(x, -2, 1),
    order: 0,
  },
  ...(['sum', 'max', 'min'] as const).flatMap((op): OpSpec[] => [
    {
      op,
      variant: 'NaN in a row',
      inputs: [constant([3, 3], fixed(nan, 1, 2, 3, 4, 5, 6, 7, nan))],
      f: (x) => ops[op](x, 1),
      order: 0,
    },
    {
      op,
      variant: 'NaN in a column',
      inputs: [constant([3, 3], fixed(nan, 1, 2, 3, 4, 5, 6, 7, nan))],
      f: (x) => ops[op](x, 0),
      order: 0,
    },
    {
      op,
      variant: 'Infinity',
      inputs: [constant([3, 2], fixed(inf, 1, -inf, 2, inf, -inf))],
      f: (x) => ops[op](x, 1),
      order: 0,
    },
    {
      op,
      variant: 'all equal',
      inputs: [constant([2, 3], fixed(-2, -2, -2, -2, -2, -2))],
      f: (x) => ops[op](x, 1),
      order: 0,
    },
    { op, variant: 'of nothing', inputs: [constant([0, 3], fixed())], f: (x) => ops[op](x, 0), order: 0 },
  ]),
  {
    op: 'logSumExp',
    variant: 'NaN',
    inputs: [constant([2, 2], fixed(nan, 1, 0, 0))],
    f: (x) => ops.logSumExp(x, 1),
    order: 0,
  },
  {
    op: 'matMul',
    variant: 'NaN spreads along its row only, also times 0',
    inputs: [constant([3, 2], fixed(nan, 1, 1, 1, 1, 2)), constant([2, 3], fixed(0, 0, 0, 1, 2, 3))],
    f: (a, b) => ops.matMul(a, b),
    order: 0,
  },
  {
    op: 'matMul',
    variant: 'Infinity',
    inputs: [constant([2, 2], fixed(inf, 1, 1, 1)), constant([2, 2], fixed(1, -1, 1, 1))],
    f: (a, b) => ops.matMul(a, b),
    order: 0,
  },
  {
    op: 'conv2d',
    variant: 'NaN reaches the pixels that see it',
    inputs: [constant([1, 1, 5, 1], fixed(nan, 0, 0, 0, 1)), constant([1, 3, 1, 1], fixed(0, 1, 2))],
    f: (x, w) => ops.conv2d(x, w, { padding: [[0, 0], [1, 1]] }), // prettier-ignore
    order: 0,
  },
  {
    op: 'conv2d',
    variant: 'NaN in the derivative in the input',
    inputs: [constant([1, 1, 5, 1], fixed(0, 0, 0, 0, 1)), constant([1, 3, 1, 1], fixed(nan, 1, 2))],
    f: (x, w) => pullOnes((z) => ops.conv2d(z, w), x),
    order: 0,
  },
  {
    op: 'conv2d',
    variant: 'NaN in the derivative in the filter',
    inputs: [constant([1, 1, 5, 1], fixed(nan, 0, 0, 0, 1)), constant([1, 3, 1, 1], fixed(0, 1, 2))],
    f: (x, w) => pullOnes((z) => ops.conv2d(x, z), w),
    order: 0,
  },
  {
    op: 'broadcastTo',
    variant: 'NaN and Infinity',
    inputs: [constant([3, 1], fixed(nan, inf, 1))],
    f: (x) => ops.broadcastTo(x, [2, 3, 2]),
    order: 0,
  },
  {
    op: 'transpose',
    variant: 'NaN and Infinity',
    inputs: [constant([2, 3], fixed(nan, inf, 1, 2, -inf, 3))],
    f: (x) => ops.transpose(x),
    order: 0,
  },
  {
    op: 'slice',
    variant: 'NaN and Infinity',
    inputs: [constant([5], fixed(0, nan, inf, 1, nan))],
    f: (x) => ops.slice(x, [1], [3]),
    order: 0,
  },
  {
    op: 'reshape',
    variant: 'NaN and Infinity',
    inputs: [constant([4], fixed(0, nan, inf, 1))],
    f: (x) => ops.reshape(x, [2, 2]),
    order: 0,
  },
  {
    op: 'gather',
    variant: 'NaN and Infinity are copied',
    inputs: [constant([3], fixed(nan, inf, 1)), index([4], fixed(0, 2, 1, 0))],
    f: (x, at) => ops.gather(x, at),
    order: 0,
  },
  {
    op: 'scatterAdd',
    variant: 'NaN stays in its row',
    inputs: [constant([3], fixed(nan, 1, 2)), index([3], fixed(0, 2, 2))],
    f: (x, at) => ops.scatterAdd(x, at, 0, 3),
    order: 0,
  },
  {
    op: 'pad',
    variant: 'NaN and Infinity',
    inputs: [constant([2], fixed(nan, inf))],
    f: (x) => ops.pad(x, [[1, 1]]),
    order: 0,
  },
  {
    op: 'concat',
    variant: 'NaN',
    inputs: [constant([1], fixed(nan)), constant([1], fixed(1))],
    f: (a, b) => ops.concat([a, b], 0),
    order: 0,
  },
  {
    op: 'linearCombination',
    variant: 'NaN under a zero coefficient is not read',
    inputs: [constant([2], fixed(nan, inf)), constant([2], fixed(1, 2))],
    f: (a, b) => ops.linearCombination([a, b], [0, 0.5]),
    order: 0,
  },
  {
    op: 'scaledErrorNorm',
    variant: 'NaN',
    inputs: [constant([2], fixed(nan, 1)), constant([2], fixed(1, 2)), constant([2], fixed(1, 2))],
    f: (error, y0, y1) => ops.scaledErrorNorm([error], [y0], [y1], { rtol: 1e-3, atol: 1e-3 }),
    order: 0,
  },
];
