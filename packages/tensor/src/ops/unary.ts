import type { UnaryOp } from '../backend.ts';
import { DTypeError } from '../errors.ts';
import { bind, type Evaluation, type Maybe, type Primitive } from '../primitive.ts';
import type { Tensor } from '../tensor.ts';
import { affine } from './affine.ts';
import { mul } from './binary.ts';

/** dy/dx from the input and the output; null where it is zero everywhere. */
const derivatives: Record<UnaryOp, ((x: Tensor, y: Tensor) => Tensor) | number | null> = {
  neg: -1,
  abs: (x) => sign(x),
  sign: null,
  step: null,
  floor: null,
  exp: (_, y) => y,
  expm1: (_, y) => affine(y, 1, 1),
  log: (x) => reciprocal(x),
  log1p: (x) => reciprocal(affine(x, 1, 1)),
  sqrt: (_, y) => affine(reciprocal(y), 0.5, 0),
  square: (x) => affine(x, 2, 0),
  reciprocal: (_, y) => neg(square(y)),
  sin: (x) => cos(x),
  cos: (x) => neg(sin(x)),
  tanh: (_, y) => affine(square(y), -1, 1),
  sigmoid: (_, y) => mul(y, affine(y, -1, 1)),
  softplus: (x) => sigmoid(x),
  relu: (x) => step(x),
};

function rule(flow: readonly Maybe[], op: UnaryOp, at: Evaluation<null>): Maybe[] {
  const derivative = derivatives[op]!;
  const v = flow[0];
  if (!v) return [null];
  return [
    typeof derivative === 'number' ? affine(v, derivative, 0) : mul(v, derivative(at.inputs[0]!, at.outputs[0]!)),
  ];
}

function elementwise(op: UnaryOp): (x: Tensor) => Tensor {
  const differentiable = derivatives[op] !== null;
  const primitive: Primitive<null> = {
    name: op,
    outputs: ([x]) => [x!],
    kernel: (backend, [x]) => [backend.unary(op, x!)],
    jvp: differentiable ? (tangents, at) => rule(tangents, op, at) : null,
    vjp: differentiable ? (cotangents, at) => rule(cotangents, op, at) : null,
  };
  return (x) => {
    if (x.dtype === 'int32' && op !== 'neg' && op !== 'abs' && op !== 'sign' && op !== 'square') {
      throw new DTypeError(op, 'an int32 tensor', "cast it to a floating type with cast(x, 'float32')");
    }
    return bind(primitive, [x], null)[0]!;
  };
}

export const neg = /* @__PURE__ */ elementwise('neg');
export const abs = /* @__PURE__ */ elementwise('abs');
/** -1, 0 or 1; derivative zero. */
export const sign = /* @__PURE__ */ elementwise('sign');
/** 1 where x > 0, else 0; derivative zero. */
export const step = /* @__PURE__ */ elementwise('step');
export const floor = /* @__PURE__ */ elementwise('floor');
export const exp = /* @__PURE__ */ elementwise('exp');
/** exp(x) - 1, accurate near 0. */
export const expm1 = /* @__PURE__ */ elementwise('expm1');
export const log = /* @__PURE__ */ elementwise('log');
/** log(1 + x), accurate near 0. */
export const log1p = /* @__PURE__ */ elementwise('log1p');
export const sqrt = /* @__PURE__ */ elementwise('sqrt');
export const square = /* @__PURE__ */ elementwise('square');
export const reciprocal = /* @__PURE__ */ elementwise('reciprocal');
export const sin = /* @__PURE__ */ elementwise('sin');
export const cos = /* @__PURE__ */ elementwise('cos');
export const tanh = /* @__PURE__ */ elementwise('tanh');
/** 1 / (1 + exp(-x)). */
export const sigmoid = /* @__PURE__ */ elementwise('sigmoid');
/** log(1 + exp(x)), without overflow. */
export const softplus = /* @__PURE__ */ elementwise('softplus');
/** max(x, 0); its derivative at 0 is 0. */
export const relu = /* @__PURE__ */ elementwise('relu');
