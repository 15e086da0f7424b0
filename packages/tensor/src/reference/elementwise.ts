import type { BinaryOp, UnaryOp } from '../backend.ts';
import { allocate } from '../dtype.ts';
import type { DType, TypedArray } from '../dtype.ts';
import { sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { broadcastStrides, forEachRun } from './runs.ts';
import type { Dense } from './runs.ts';

/** 1 / (1 + e⁻ˣ) without overflow: the exponential is only taken of −|x|. */
export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/** log(1 + eˣ) = max(x, 0) + log1p(e^−|x|), without overflow for large x and without losing e^x for very negative x. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

const scalarFunctions = {
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid,
  softplus,
} satisfies Partial<Record<UnaryOp, (x: number) => number>>;

/**
 * Element by element, computed in double precision and rounded once when stored. Operations of one instruction have their own
 * loop because a call per element would dominate them.
 */
export function unary(op: UnaryOp, x: Dense): TypedArray {
  const { values } = x;
  const n = values.length;
  const out = allocate(x.dtype, n);
  switch (op) {
    case 'neg':
      for (let i = 0; i < n; i++) out[i] = -values[i]!;
      return out;
    case 'square':
      for (let i = 0; i < n; i++) out[i] = values[i]! * values[i]!;
      return out;
    case 'reciprocal':
      for (let i = 0; i < n; i++) out[i] = 1 / values[i]!;
      return out;
    case 'step':
      for (let i = 0; i < n; i++) out[i] = values[i]! > 0 ? 1 : 0;
      return out;
    case 'relu':
      for (let i = 0; i < n; i++) out[i] = Math.max(values[i]!, 0);
      return out;
    default: {
      const f: (x: number) => number = scalarFunctions[op];
      for (let i = 0; i < n; i++) out[i] = f(values[i]!);
      return out;
    }
  }
}

/** x · scale + shift. */
export function affine(x: Dense, scale: number, shift: number): TypedArray {
  const { values } = x;
  const out = allocate(x.dtype, values.length);
  for (let i = 0; i < values.length; i++) out[i] = values[i]! * scale + shift;
  return out;
}

/** Copies to another element type: floats are rounded to nearest, int32 truncates toward zero. */
export function cast(x: Dense, dtype: DType): TypedArray {
  const out = allocate(dtype, x.values.length);
  out.set(x.values);
  return out;
}

/** Element by element over operands that are broadcast to `outShape`. */
export function binary(op: BinaryOp, a: Dense, b: Dense, outShape: Shape): TypedArray {
  const out = allocate(a.dtype, sizeOf(outShape));
  let at = 0;
  const strides = [broadcastStrides(a.shape, outShape), broadcastStrides(b.shape, outShape)];
  forEachRun(outShape, strides, [0, 0], (offsets, length, steps) => {
    binaryRun(op, a.values, offsets[0]!, steps[0]!, b.values, offsets[1]!, steps[1]!, out, at, length);
    at += length;
  });
  return out;
}

/** One run of a binary operation. Each operation has its own loop because a call per element would dominate the cheap ones. */
function binaryRun(
  op: BinaryOp,
  a: TypedArray,
  ia: number,
  sa: number,
  b: TypedArray,
  ib: number,
  sb: number,
  out: TypedArray,
  start: number,
  length: number,
): void {
  const end = start + length;
  switch (op) {
    case 'add':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! + b[ib]!;
      return;
    case 'sub':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! - b[ib]!;
      return;
    case 'mul':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! * b[ib]!;
      return;
    case 'div':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! / b[ib]!;
      return;
    case 'pow':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = Math.pow(a[ia]!, b[ib]!);
      return;
    case 'maximum':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = Math.max(a[ia]!, b[ib]!);
      return;
    case 'minimum':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = Math.min(a[ia]!, b[ib]!);
      return;
    case 'equal':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! === b[ib]! ? 1 : 0;
      return;
    case 'less':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! < b[ib]! ? 1 : 0;
      return;
    case 'lessEqual':
      for (let i = start; i < end; i++, ia += sa, ib += sb) out[i] = a[ia]! <= b[ib]! ? 1 : 0;
      return;
  }
}

/** `a` where the condition is not 0 (NaN counts as not 0), else `b`; all broadcast to `outShape`. */
export function select(condition: Dense, a: Dense, b: Dense, outShape: Shape): TypedArray {
  const out = allocate(a.dtype, sizeOf(outShape));
  const [c, x, y] = [condition.values, a.values, b.values];
  let at = 0;
  const strides = [condition, a, b].map((operand) => broadcastStrides(operand.shape, outShape));
  forEachRun(outShape, strides, [0, 0, 0], ([ic, ix, iy], length, [sc, sx, sy]) => {
    for (let i = 0; i < length; i++) {
      out[at++] = c[ic! + i * sc!] !== 0 ? x[ix! + i * sx!]! : y[iy! + i * sy!]!;
    }
  });
  return out;
}
