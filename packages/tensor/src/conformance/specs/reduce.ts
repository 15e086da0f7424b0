import * as ops from '../../index.ts';
import type { Reduction } from '../../index.ts';
import { distinct, signed, uniform } from '../random.ts';
import type { Values } from '../random.ts';
import { float } from '../spec.ts';
import type { OpSpec, Order } from '../spec.ts';

const smooth = uniform(-1.5, 1.5);

const reductions: readonly [string, Reduction, Values][] = [
  ['sum', ops.sum, smooth],
  ['mean', ops.mean, smooth],
  ['max', ops.max, distinct],
  ['min', ops.min, distinct],
  ['logSumExp', ops.logSumExp, smooth],
  ['norm', ops.norm, signed(0.3, 1.5)],
];

const axisSets: readonly (readonly number[])[] = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];

/** Derivatives to order 3 along one axis set, to order 1 along the others. */
const orderFor = (axes: readonly number[]): Order => (axes.length === 1 && axes[0] === 1 ? 3 : 1);

export const reduceSpecs: readonly OpSpec[] = [
  ...reductions.flatMap(([op, f, values]) =>
    axisSets.map((axes): OpSpec => ({
      op,
      variant: `[3,2,5] over [${axes}]`,
      inputs: [float([3, 2, 5], values)],
      f: (x) => f(x, axes),
      order: orderFor(axes),
    })),
  ),
  ...reductions.flatMap(([op, f, values]): OpSpec[] => [
    {
      op,
      variant: 'all, keepDims',
      inputs: [float([3, 5], values)],
      f: (x) => f(x, undefined, { keepDims: true }),
      order: 2,
    },
    {
      op,
      variant: 'axis -1, keepDims',
      inputs: [float([3, 5], values)],
      f: (x) => f(x, -1, { keepDims: true }),
      order: 2,
    },
    { op, variant: 'an axis of size 1', inputs: [float([7, 1], values)], f: (x) => f(x, 1), order: 1 },
    { op, variant: 'empty batch [0,3] over [1]', inputs: [float([0, 3], values)], f: (x) => f(x, 1), order: 2 },
  ]),
  { op: 'sum', variant: 'nothing: [0,3] over [0]', inputs: [float([0, 3])], f: (x) => ops.sum(x, 0), order: 2 },
  // 4099 is prime and beyond a block of any reduction kernel; the sum of n numbers of size 1 is known to n · 2⁻²⁴ at worst.
  { op: 'sum', variant: '[4099]', inputs: [float([4099])], f: (x) => ops.sum(x), order: 1, condition: 16 },
  {
    op: 'sum',
    variant: '[257,3] over [0]',
    inputs: [float([257, 3])],
    f: (x) => ops.sum(x, 0),
    order: 1,
    condition: 4,
  },
  { op: 'max', variant: '[4099]', inputs: [float([4099], distinct)], f: (x) => ops.max(x), order: 1 },
  ...([0, 1, -1] as const).flatMap((axis): OpSpec[] => [
    {
      op: 'softmax',
      variant: `[3,5,2] along ${axis}`,
      inputs: [float([3, 5, 2])],
      f: (x) => ops.softmax(x, axis),
      order: axis === 1 ? 3 : 1,
    },
    {
      op: 'logSoftmax',
      variant: `[3,5,2] along ${axis}`,
      inputs: [float([3, 5, 2])],
      f: (x) => ops.logSoftmax(x, axis),
      order: axis === 1 ? 3 : 1,
    },
  ]),
  {
    op: 'softmax',
    variant: 'logits of ±300',
    inputs: [float([3, 5], signed(100, 300))],
    f: (x) => ops.softmax(x),
    order: 0,
    condition: 32,
  },
  {
    op: 'logSumExp',
    variant: 'logits of ±300',
    inputs: [float([3, 5], signed(100, 300))],
    f: (x) => ops.logSumExp(x, 1),
    order: 0,
  },
];
