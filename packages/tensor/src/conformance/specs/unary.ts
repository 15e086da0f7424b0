import * as ops from '../../index.ts';
import type { Shape, Tensor } from '../../index.ts';
import { betweenIntegers, fixed, signed, uniform } from '../random.ts';
import type { Values } from '../random.ts';
import { float } from '../spec.ts';
import type { OpSpec, Order } from '../spec.ts';

type Unary = (x: Tensor) => Tensor;

const smooth = uniform(-1.5, 1.5);
const kinked = signed(0.2, 1.5);
const positive = uniform(0.5, 2);

/** Every function of one variable, where it is tested, and the highest derivative that is asked for. */
const functions: readonly [string, Unary, Values, Order][] = [
  ['neg', ops.neg, smooth, 3],
  ['abs', ops.abs, kinked, 3],
  ['sign', ops.sign, kinked, 2],
  ['step', ops.step, kinked, 2],
  ['floor', ops.floor, betweenIntegers, 2],
  ['exp', ops.exp, smooth, 3],
  ['expm1', ops.expm1, smooth, 3],
  ['log', ops.log, positive, 3],
  ['log1p', ops.log1p, uniform(-0.5, 1.5), 3],
  ['sqrt', ops.sqrt, positive, 3],
  ['square', ops.square, smooth, 3],
  ['reciprocal', ops.reciprocal, signed(0.5, 2), 3],
  ['sin', ops.sin, smooth, 3],
  ['cos', ops.cos, smooth, 3],
  ['tanh', ops.tanh, smooth, 3],
  ['sigmoid', ops.sigmoid, smooth, 3],
  ['softplus', ops.softplus, smooth, 3],
  ['relu', ops.relu, kinked, 3],
  ['elu', ops.elu, kinked, 3],
  ['swish', ops.swish, smooth, 3],
  ['affine', (x) => ops.affine(x, -1.75, 0.375), smooth, 3],
  [
    'clip',
    (x) => ops.clip(x, -0.8, 0.7),
    fixed(-1.5, -0.9, -0.7, -0.2, 0.1, 0.3, 0.6, 0.9, 1.3, 1.5, -1, 0, 0.5, 1, -0.5),
    3,
  ],
  ['copy', ops.copy, smooth, 3],
  ['stopGradient', ops.stopGradient, smooth, 2],
];

/** Saturating functions far out, where a careless formula overflows to NaN. The values' magnitudes differ, so each is compared with its own. */
const tails: readonly [string, Unary, number[]][] = [
  ['exp', ops.exp, [-60, -20, 20, 60]],
  ['expm1', ops.expm1, [-60, -20, 20, 60]],
  ['tanh', ops.tanh, [-90, -20, 20, 90]],
  ['sigmoid', ops.sigmoid, [-60, -20, 20, 60]],
  ['softplus', ops.softplus, [-60, -20, 20, 90]],
  ['swish', ops.swish, [-60, -20, 20, 90]],
  ['elu', ops.elu, [-60, -20, 20, 90]],
];

/** Functions that exist for their accuracy near 0. */
const nearZero: readonly [string, Unary][] = [
  ['expm1', ops.expm1],
  ['log1p', ops.log1p],
  ['tanh', ops.tanh],
  ['sin', ops.sin],
];

/** One entry per function; stopGradient is not the derivative of anything. */
function entry(variant: string, shape: Shape, order?: Order): readonly OpSpec[] {
  return functions.map(([op, f, values, highest]) => {
    const spec: OpSpec = { op, variant, inputs: [float(shape, values)], f, order: order ?? highest };
    return op === 'stopGradient' ? { ...spec, notDifferenceable: 'its derivative is defined to be zero' } : spec;
  });
}

export const unarySpecs: readonly OpSpec[] = [
  ...entry('[3,5]', [3, 5]),
  ...entry('a scalar', [], 1),
  ...entry('empty batch [0,3]', [0, 3], 2),
  // |x| · 2⁻²⁴ is the least relative error of e^x in float32: 4e-6 at 60.
  ...tails.map(([op, f, xs]): OpSpec => ({
    op,
    variant: `tails ±${Math.abs(xs[0]!)}`,
    inputs: [float([xs.length], fixed(...xs))],
    f,
    order: 0,
    condition: 4,
    elementwise: true,
  })),
  ...tails.map(([op, f]): OpSpec => ({
    op,
    variant: 'slope at ±40',
    inputs: [float([2], fixed(-40, 40))],
    f: (x) => ops.jvp(f, x, ops.onesLike(x)).tangent,
    order: 0,
    condition: 4,
  })),
  ...nearZero.map(([op, f]): OpSpec => ({
    op,
    variant: 'near zero',
    inputs: [float([6], fixed(-1e-3, -1e-5, -1e-7, 1e-7, 1e-5, 1e-3))],
    f,
    order: 0,
    elementwise: true,
  })),
];
