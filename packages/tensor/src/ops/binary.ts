import type { BinaryOp } from '../backend.ts';
import { full } from '../create.ts';
import { DTypeError } from '../errors.ts';
import { scope } from '../memory.ts';
import { bind, type Evaluation, type Maybe, type Primitive } from '../primitive.ts';
import { broadcastShapes } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { affine } from './affine.ts';
import { broadcastTo, sumTo } from './broadcast.ts';
import { log, neg, reciprocal } from './unary.ts';

type Partial = (v: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;

/** The partial derivatives in a and in b, multiplied with a flow `v`; null where zero everywhere. */
const partials: Record<BinaryOp, readonly [Partial, Partial] | null> = {
  add: [(v) => v, (v) => v],
  sub: [(v) => v, (v) => neg(v)],
  mul: [(v, _, b) => mul(v, b), (v, a) => mul(v, a)],
  div: [(v, _, b) => div(v, b), (v, _, b, y) => neg(mul(v, div(y, b)))],
  pow: [(v, a, b) => mul(v, mul(b, pow(a, affine(b, 1, -1)))), (v, a, _, y) => mul(v, mul(y, log(a)))],
  maximum: [(v, a, b) => mul(v, share(b, a)), (v, a, b) => mul(v, share(a, b))],
  minimum: [(v, a, b) => mul(v, share(a, b)), (v, a, b) => mul(v, share(b, a))],
  equal: null,
  less: null,
  lessEqual: null,
};

/** 1 where smaller < larger, a half where they tie: the tie's derivative is split evenly. */
function share(smaller: Tensor, larger: Tensor): Tensor {
  return affine(add(less(smaller, larger), lessEqual(smaller, larger)), 0.5, 0);
}

function jvpRule(
  op: BinaryOp,
  tangents: readonly Maybe[],
  { inputs: [a, b], outputs: [y] }: Evaluation<null>,
): Maybe[] {
  const [da, db] = partials[op]!;
  const [ta, tb] = tangents;
  const fromA = ta ? da(ta, a!, b!, y!) : null;
  const fromB = tb ? db(tb, a!, b!, y!) : null;
  if (fromA && fromB) return [add(fromA, fromB)];
  const flow = fromA ?? fromB;
  return [flow && broadcastTo(flow, y!.shape)];
}

function vjpRule(
  op: BinaryOp,
  [ct]: readonly Maybe[],
  { inputs: [a, b], outputs: [y] }: Evaluation<null>,
  needed: readonly boolean[],
): Maybe[] {
  if (!ct) return [null, null];
  const [da, db] = partials[op]!;
  return [
    needed[0] ? sumTo(da(ct, a!, b!, y!), a!.shape) : null,
    needed[1] ? sumTo(db(ct, a!, b!, y!), b!.shape) : null,
  ];
}

function primitiveOf(op: BinaryOp): Primitive<null> {
  const differentiable = partials[op] !== null;
  return {
    name: op,
    outputs([a, b]) {
      if (a!.dtype !== b!.dtype) {
        throw new DTypeError(op, `operands are ${a!.dtype} and ${b!.dtype}`, 'cast one of them with cast(x, dtype)');
      }
      return [{ shape: broadcastShapes(op, a!.shape, b!.shape), dtype: a!.dtype }];
    },
    kernel: (backend, [a, b], _, [out]) => [backend.binary(op, a!, b!, out!.shape)],
    jvp: differentiable ? (tangents, at) => jvpRule(op, tangents, at) : null,
    vjp: differentiable ? (cotangents, at, needed) => vjpRule(op, cotangents, at, needed) : null,
  };
}

/** An operation of two tensors, or of a tensor and a number. */
export type Binary = (a: Tensor | number, b: Tensor | number) => Tensor;

/** `withNumber` is a cheaper form for a number on the right or (reversed) on the left, where there is one. */
function binary(op: BinaryOp, withNumber?: (x: Tensor, c: number, reversed: boolean) => Tensor | undefined): Binary {
  const primitive = /* @__PURE__ */ primitiveOf(op);
  return (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') {
      throw new DTypeError(
        op,
        'both operands are plain numbers',
        'make one of them a tensor: its backend computes the result',
      );
    }
    if (typeof a !== 'number' && typeof b !== 'number') return bind(primitive, [a, b], null)[0]!;
    const [x, c, reversed] =
      typeof a === 'number' ? ([b as Tensor, a, true] as const) : ([a, b as number, false] as const);
    return scope(() => {
      const cheaper = withNumber?.(x, c, reversed);
      if (cheaper) return cheaper;
      const constant = full([], c, x);
      return bind(primitive, reversed ? [constant, x] : [x, constant], null)[0]!;
    });
  };
}

/** a + b, with broadcasting. @throws {ShapeError} @throws {DTypeError} */
export const add = /* @__PURE__ */ binary('add', (x, c) => affine(x, 1, c));
/** a - b, with broadcasting. @throws {ShapeError} @throws {DTypeError} */
export const sub = /* @__PURE__ */ binary('sub', (x, c, reversed) => (reversed ? affine(x, -1, c) : affine(x, 1, -c)));
/** a · b element by element, with broadcasting. @throws {ShapeError} @throws {DTypeError} */
export const mul = /* @__PURE__ */ binary('mul', (x, c) => affine(x, c, 0));
/** a / b, with broadcasting. @throws {ShapeError} @throws {DTypeError} */
export const div = /* @__PURE__ */ binary('div', (x, c, reversed) =>
  affine(reversed ? reciprocal(x) : x, reversed ? c : 1 / c, 0),
);
const powNumberPrimitive: Primitive<number> = {
  name: 'pow',
  outputs: ([x]) => [x!],
  kernel(backend, [x], exponent) {
    const buffer = backend.fill([], exponent, x!.dtype);
    try {
      return [backend.binary('pow', x!, { buffer, shape: [], dtype: x!.dtype }, x!.shape)];
    } finally {
      backend.dispose(buffer);
    }
  },
  // An exponent of 0 ends the chain: 0 · x⁻¹ would be NaN at 0.
  jvp: ([t], { inputs: [x], params: c }) => [t && c !== 0 ? mul(t, affine(powNumber(x!, c - 1), c)) : null],
  vjp: ([ct], { inputs: [x], params: c }) => [ct && c !== 0 ? mul(ct, affine(powNumber(x!, c - 1), c)) : null],
};

function powNumber(x: Tensor, exponent: number): Tensor {
  return bind(powNumberPrimitive, [x], exponent)[0]!;
}

/** a to the power b; a gradient in b needs a > 0. @throws {ShapeError} @throws {DTypeError} */
export const pow = /* @__PURE__ */ binary('pow', (x, c, reversed) => (reversed ? undefined : powNumber(x, c)));
/** The larger; where equal, each side gets half of the gradient. @throws {ShapeError} @throws {DTypeError} */
export const maximum = /* @__PURE__ */ binary('maximum');
/** The smaller; where equal, each side gets half of the gradient. @throws {ShapeError} @throws {DTypeError} */
export const minimum = /* @__PURE__ */ binary('minimum');
/** 1 where a = b, else 0. @throws {ShapeError} @throws {DTypeError} */
export const equal = /* @__PURE__ */ binary('equal');
/** 1 where a < b, else 0. @throws {ShapeError} @throws {DTypeError} */
export const less = /* @__PURE__ */ binary('less');
/** 1 where a ≤ b, else 0. @throws {ShapeError} @throws {DTypeError} */
export const lessEqual = /* @__PURE__ */ binary('lessEqual');
/** 1 where a > b, else 0. @throws {ShapeError} @throws {DTypeError} */
export const greater: Binary = (a, b) => less(b, a);
/** 1 where a ≥ b, else 0. @throws {ShapeError} @throws {DTypeError} */
export const greaterEqual: Binary = (a, b) => lessEqual(b, a);
