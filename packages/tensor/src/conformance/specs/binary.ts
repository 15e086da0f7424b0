import * as ops from '../../index.ts';
import type { Binary, Shape } from '../../index.ts';
import { grid, integers, signed, uniform } from '../random.ts';
import type { Values } from '../random.ts';
import { constant, float } from '../spec.ts';
import type { OpSpec, Order } from '../spec.ts';

const smooth = uniform(-1.5, 1.5);

/** Every function of two variables, the ranges of both, and the highest derivative that is asked for. */
const functions: readonly [string, Binary, Values, Values, Order][] = [
  ['add', ops.add, smooth, smooth, 3],
  ['sub', ops.sub, smooth, smooth, 3],
  ['mul', ops.mul, smooth, smooth, 3],
  ['div', ops.div, smooth, signed(0.6, 1.5), 3],
  ['pow', ops.pow, uniform(0.5, 1.8), uniform(-1.5, 1.5), 3],
  ['maximum', ops.maximum, grid(0), grid(0.1), 3],
  ['minimum', ops.minimum, grid(0), grid(0.1), 3],
  ['equal', ops.equal, grid(0), grid(0.1), 1],
  ['less', ops.less, grid(0), grid(0.1), 2],
  ['lessEqual', ops.lessEqual, grid(0), grid(0.1), 1],
  ['greater', ops.greater, grid(0), grid(0.1), 1],
  ['greaterEqual', ops.greaterEqual, grid(0), grid(0.1), 1],
];

const arithmetic = functions.slice(0, 4).map(([op]) => op);

/** Shapes of both operands. The first is differentiated as far as the function allows, the others once (arithmetic: fully). */
const shapes: readonly [Shape, Shape][] = [
  [[3, 5], [3, 5]],
  [[3, 5], [5]],
  [[3, 1], [1, 5]],
  [[], [7]],
  [[2, 1, 3], [2, 5, 1]],
  [[1], [1]],
  [[0, 3], [3]],
  [[0, 1], [0, 3]],
]; // prettier-ignore

/** Shapes of the condition and both branches. */
const branches: readonly (readonly [Shape, Shape, Shape])[] = [
  [[3, 5], [3, 5], [3, 5]],
  [[3, 1], [5], [3, 5]],
  [[5], [3, 5], []],
  [[0, 3], [3], [0, 3]],
]; // prettier-ignore

export const binarySpecs: readonly OpSpec[] = [
  ...functions.flatMap(([op, f, a, b, order]) =>
    shapes.map(([shapeA, shapeB], i): OpSpec => ({
      op,
      variant: `[${shapeA}] with [${shapeB}]`,
      inputs: [float(shapeA, a), float(shapeB, b)],
      f,
      order: i === 0 || (i < 3 && arithmetic.includes(op)) ? order : 1,
    })),
  ),
  ...functions.flatMap(([op, f, a, b, order]): OpSpec[] => [
    {
      op,
      variant: 'number on the right',
      inputs: [float([3, 5], a)],
      f: (x) => f(x, 0.5625),
      order: Math.min(order, 2) as Order,
    },
    {
      op,
      variant: 'number on the left',
      inputs: [float([3, 5], b)],
      f: (x) => f(0.5625, x),
      order: Math.min(order, 2) as Order,
    },
  ]),
  ...(['equal', 'less', 'lessEqual', 'greater', 'greaterEqual', 'maximum', 'minimum'] as const).map((op): OpSpec => ({
    op,
    variant: 'with ties',
    inputs: [constant([5, 7], integers(3)), constant([5, 7], integers(3))],
    f: ops[op],
    order: 0,
  })),
  {
    op: 'pow',
    variant: 'negative base, whole exponents',
    inputs: [float([3, 5], signed(0.5, 1.5))],
    f: (x) => ops.pow(x, 3),
    order: 3,
  },
  ...branches.map(([condition, a, b], i): OpSpec => ({
    op: 'where',
    variant: `[${condition}] ? [${a}] : [${b}]`,
    inputs: [constant(condition, integers(2)), float(a), float(b)],
    f: ops.where,
    order: i < 2 ? 3 : 1,
  })),
];
