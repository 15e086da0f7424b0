import type { ReduceOp } from '../backend.ts';
import { DTypeError } from '../errors.ts';
import { scope } from '../memory.ts';
import { bind, type Primitive } from '../primitive.ts';
import { normalizeAxes, reducedShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { div, equal, mul } from './binary.ts';
import { broadcastTo } from './broadcast.ts';
import { reshape } from './layout.ts';

/** Axes are normalized: sorted, non-negative, at least one. */
type Axes = readonly number[];

function keptShape(x: Tensor, axes: Axes): number[] {
  return x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
}

/** Repeats a reduced value along the axes that were reduced away. */
function expand(reduced: Tensor, x: Tensor, axes: Axes): Tensor {
  return broadcastTo(reshape(reduced, keptShape(x, axes)), x.shape);
}

const sumPrimitive: Primitive<Axes> = {
  name: 'sum',
  outputs: ([x], axes) => [{ shape: reducedShape(x!.shape, axes), dtype: x!.dtype }],
  kernel: (backend, [x], axes, [out]) => [backend.reduce('sum', x!, axes, out!.shape)],
  jvp: ([t], { params }) => [t && reduceSum(t, params)],
  vjp: ([ct], { inputs, params }) => [ct && expand(ct, inputs[0]!, params)],
};

function reduceSum(x: Tensor, axes: Axes): Tensor {
  return bind(sumPrimitive, [x], axes)[0]!;
}

/** The weight of each element in the extreme value: 1 over the number of elements that attain it. */
function attained(x: Tensor, y: Tensor, axes: Axes): Tensor {
  const mask = equal(x, expand(y, x, axes));
  return div(mask, expand(reduceSum(mask, axes), x, axes));
}

function extreme(op: Exclude<ReduceOp, 'sum'>): Primitive<Axes> {
  return {
    name: op,
    outputs: sumPrimitive.outputs,
    kernel: (backend, [x], axes, [out]) => [backend.reduce(op, x!, axes, out!.shape)],
    jvp: ([t], { inputs: [x], outputs: [y], params }) => [t && reduceSum(mul(t, attained(x!, y!, params)), params)],
    vjp: ([ct], { inputs: [x], outputs: [y], params }) => [ct && mul(expand(ct, x!, params), attained(x!, y!, params))],
  };
}

export interface ReduceOptions {
  /** Keep the reduced axes with size 1. */
  readonly keepDims?: boolean;
}

/** A reduction over some axes, all by default. */
export type Reduction = (x: Tensor, axes?: number | readonly number[], options?: ReduceOptions) => Tensor;

function reduction(primitive: Primitive<Axes>): Reduction {
  return (x, axes, options) => {
    const normalized = normalizeAxes(primitive.name, axes, x.rank);
    if (normalized.length === 0) return x;
    return scope(() => {
      const y = bind(primitive, [x], normalized)[0]!;
      return options?.keepDims ? reshape(y, keptShape(x, normalized)) : y;
    });
  };
}

/** The sum over `axes` (all by default). @throws {ShapeError} for an axis out of range */
export const sum = /* @__PURE__ */ reduction(sumPrimitive);
/** The largest value over `axes` (all by default); ties share the gradient. @throws {ShapeError} */
export const max = /* @__PURE__ */ reduction(/* @__PURE__ */ extreme('max'));
/** The smallest value over `axes` (all by default); ties share the gradient. @throws {ShapeError} */
export const min = /* @__PURE__ */ reduction(/* @__PURE__ */ extreme('min'));

/** The mean over `axes` (all by default). @throws {ShapeError} @throws {DTypeError} for int32 */
export const mean: Reduction = (x, axes, options) => {
  if (x.dtype === 'int32')
    throw new DTypeError('mean', 'an int32 tensor', "cast it to a floating type with cast(x, 'float32')");
  const count = normalizeAxes('mean', axes, x.rank).reduce((n, axis) => n * x.shape[axis]!, 1);
  return scope(() => div(sum(x, axes, options), count));
};
