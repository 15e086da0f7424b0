import { allocate } from '../dtype.ts';
import type { DType, TypedArray } from '../dtype.ts';
import { sizeOf, stridesOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { broadcastStrides, forEachRun } from './runs.ts';
import type { Dense } from './runs.ts';

/** Copies a strided box into another. */
function copyBox(
  shape: Shape,
  source: TypedArray,
  sourceStart: number,
  sourceStrides: readonly number[],
  target: TypedArray,
  targetStart: number,
  targetStrides: readonly number[],
): void {
  forEachRun(
    shape,
    [sourceStrides, targetStrides],
    [sourceStart, targetStart],
    ([from, to], length, [step, outStep]) => {
      if (step === 1 && outStep === 1) target.set(source.subarray(from, from! + length), to);
      else for (let i = 0; i < length; i++) target[to! + i * outStep!] = source[from! + i * step!]!;
    },
  );
}

/** A block of equal elements. */
export function fill(shape: Shape, value: number, dtype: DType): TypedArray {
  return allocate(dtype, sizeOf(shape)).fill(value);
}

/** Repeats x along new axes and along axes of size 1. */
export function broadcastTo(x: Dense, shape: Shape): TypedArray {
  const out = allocate(x.dtype, sizeOf(shape));
  copyBox(shape, x.values, 0, broadcastStrides(x.shape, shape), out, 0, stridesOf(shape));
  return out;
}

/** out[i₀, i₁, …] has axis `permutation[j]` of x as its axis j. */
export function transpose(x: Dense, permutation: readonly number[]): TypedArray {
  const strides = stridesOf(x.shape);
  const shape = permutation.map((axis) => x.shape[axis]!);
  const out = allocate(x.dtype, x.values.length);
  const permuted = permutation.map((axis) => strides[axis]!);
  copyBox(shape, x.values, 0, permuted, out, 0, stridesOf(shape));
  return out;
}

/** The offset of the element at `index`. */
function offsetOf(strides: readonly number[], index: readonly number[]): number {
  return strides.reduce((offset, stride, axis) => offset + stride * index[axis]!, 0);
}

/** The box that starts at `begin` and has `size`. */
export function slice(x: Dense, begin: readonly number[], size: Shape): TypedArray {
  const strides = stridesOf(x.shape);
  const out = allocate(x.dtype, sizeOf(size));
  copyBox(size, x.values, offsetOf(strides, begin), strides, out, 0, stridesOf(size));
  return out;
}

/** Zeros around x: `padding[axis]` is [before, after]. */
export function pad(x: Dense, padding: readonly (readonly [number, number])[]): TypedArray {
  const shape = x.shape.map((n, axis) => n + padding[axis]![0] + padding[axis]![1]);
  const strides = stridesOf(shape);
  const out = allocate(x.dtype, sizeOf(shape));
  const begin = padding.map(([before]) => before);
  copyBox(x.shape, x.values, 0, stridesOf(x.shape), out, offsetOf(strides, begin), strides);
  return out;
}

/** Puts the operands one after the other along `axis`. */
export function concat(xs: readonly Dense[], axis: number, outShape: Shape): TypedArray {
  const out = allocate(xs[0]!.dtype, sizeOf(outShape));
  const strides = stridesOf(outShape);
  let start = 0;
  for (const x of xs) {
    copyBox(x.shape, x.values, 0, stridesOf(x.shape), out, start, strides);
    start += x.shape[axis]! * strides[axis]!;
  }
  return out;
}
