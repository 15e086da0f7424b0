import {
  sizeOf,
  type Backend,
  type BinaryOp,
  type Buffer,
  type ConvSpec,
  type Operand,
  type Shape,
  type UnaryOp,
} from '@sparseflow/tensor';
import type { ArrayBackendTools } from '@sparseflow/tensor/reference';
import { boxOf } from './box.ts';
import { fusedKernels } from './fused.ts';
import { layoutKernels } from './layout.ts';
import type { Kernels } from './operations.ts';
import type { Pool } from './pool.ts';

/** Codes as in native/elementwise.hpp. */
const unaryCodes: Readonly<Record<UnaryOp, number>> = {
  neg: 0,
  abs: 1,
  step: 2,
  exp: 3,
  expm1: 4,
  sqrt: 5,
  square: 6,
  reciprocal: 7,
  tanh: 8,
  sigmoid: 9,
  softplus: 10,
  relu: 11,
  log: 12,
  log1p: 13,
  sin: 14,
  cos: 15,
  floor: 16,
  sign: 17,
};

const binaryCodes: Readonly<Record<BinaryOp, number>> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  maximum: 4,
  minimum: 5,
  equal: 6,
  less: 7,
  lessEqual: 8,
  pow: 9,
};

/** Limit of native/problem.hpp on every size of a convolution. */
const MAX_SIZE = 2 ** 20;

/**
 * The operations of a backend that compiled kernels do faster. What they do not cover (float64, int32, scatterAdd) goes to the
 * reference kernels, on the same buffers.
 */
export function extend(tools: ArrayBackendTools, kernels: Kernels, pool: Pool): Partial<Backend> {
  const { base, wrap, open } = tools;
  const floats = (op: string, x: Operand): Float32Array => open(op, x).values as Float32Array;
  const single = (...xs: Operand[]): boolean => xs.every(({ dtype }) => dtype === 'float32');
  const layout = layoutKernels(tools, kernels, pool);

  /** Runs an operation that broadcasts; operands that a box cannot describe are broadcast first. */
  const broadcasting = (
    operation: 'binary' | 'select',
    codes: readonly number[],
    operands: readonly Operand[],
    shape: Shape,
  ): Buffer => {
    let box = boxOf(
      shape,
      operands.map((x) => x.shape),
    );
    let whole = operands;
    if (box === undefined) {
      whole = operands.map((x) => ({ ...x, buffer: layout.broadcastTo(x, shape), shape }));
      box = boxOf(
        shape,
        whole.map((x) => x.shape),
      )!;
    }
    const out = pool.take(sizeOf(shape));
    kernels.call(
      operation,
      [...codes, ...box],
      [out],
      whole.map((x) => floats(operation, x)),
    );
    if (whole !== operands) whole.forEach(({ buffer }) => base.dispose(buffer));
    return wrap(out);
  };

  const reduce: Backend['reduce'] = (op, x, axes, outShape) => {
    if (!single(x)) return base.reduce(op, x, axes, outShape);
    const [first, last] = [axes[0]!, axes[axes.length - 1]!];
    if (last - first !== axes.length - 1) {
      // Axes that are not neighbours become the last ones.
      const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
      const order = [...kept, ...axes];
      const shape = order.map((axis) => x.shape[axis]!);
      const moved = { ...x, buffer: layout.transpose(x, order), shape };
      const buffer = reduce(op, moved, shape.map((_, axis) => axis).slice(kept.length), outShape);
      base.dispose(moved.buffer);
      return buffer;
    }
    const out = pool.take(sizeOf(outShape));
    const sizes = [x.shape.slice(0, first), x.shape.slice(first, last + 1), x.shape.slice(last + 1)].map(sizeOf);
    if (op === 'sum') kernels.call('sum', sizes, [out], [floats(op, x)]);
    else kernels.call('extreme', [...sizes, Number(op === 'max')], [out], [floats(op, x)]);
    return wrap(out);
  };

  return {
    ...layout,

    unary(op, x) {
      if (!single(x)) return base.unary(op, x);
      const values = floats(op, x);
      const out = pool.take(values.length);
      kernels.call('unary', [unaryCodes[op]], [out], [values]);
      return wrap(out);
    },

    affine(x, scale, shift) {
      if (!single(x)) return base.affine(x, scale, shift);
      const values = floats('affine', x);
      const out = pool.take(values.length);
      kernels.call('affine', [scale, shift], [out], [values]);
      return wrap(out);
    },

    binary(op, a, b, outShape) {
      if (!single(a, b)) return base.binary(op, a, b, outShape);
      return broadcasting('binary', [binaryCodes[op]], [a, b], outShape);
    },

    select(condition, a, b, outShape) {
      if (!single(condition, a, b)) return base.select(condition, a, b, outShape);
      return broadcasting('select', [], [condition, a, b], outShape);
    },

    matMul(a, b, transposeA, transposeB, outShape) {
      if (!single(a, b)) return base.matMul(a, b, transposeA, transposeB, outShape);
      const [m, n] = [outShape.at(-2)!, outShape.at(-1)!];
      const k = a.shape.at(transposeA ? -2 : -1)!;
      const out = pool.take(sizeOf(outShape));
      const numbers = [sizeOf(outShape.slice(0, -2)), m, n, k, Number(transposeA), Number(transposeB)];
      kernels.call('matMul', numbers, [out], [floats('matMul', a), floats('matMul', b)]);
      return wrap(out);
    },

    reduce,

    conv2d(input, filter, spec, outShape) {
      const numbers = single(input, filter) ? convolutionNumbers(input.shape, filter.shape, outShape, spec) : undefined;
      if (numbers === undefined) return base.conv2d(input, filter, spec, outShape);
      const out = pool.take(sizeOf(outShape));
      kernels.call('conv2d', numbers, [out], [floats('conv2d', input), floats('conv2d', filter)]);
      return wrap(out);
    },

    conv2dInput(dy, filter, spec, inputShape) {
      const numbers = single(dy, filter) ? convolutionNumbers(inputShape, filter.shape, dy.shape, spec) : undefined;
      if (numbers === undefined) return base.conv2dInput(dy, filter, spec, inputShape);
      const out = pool.take(sizeOf(inputShape));
      kernels.call('conv2dInput', numbers, [out], [floats('conv2dInput', dy), floats('conv2dInput', filter)]);
      return wrap(out);
    },

    conv2dFilter(input, dy, spec, filterShape) {
      const numbers = single(input, dy) ? convolutionNumbers(input.shape, filterShape, dy.shape, spec) : undefined;
      if (numbers === undefined) return base.conv2dFilter(input, dy, spec, filterShape);
      const out = pool.take(sizeOf(filterShape));
      kernels.call('conv2dFilter', numbers, [out], [floats('conv2dFilter', input), floats('conv2dFilter', dy)]);
      return wrap(out);
    },

    fused: fusedKernels({ floats, single, wrap, pool }, kernels),
  };
}

/** The fields of Convolution in native/convolution.hpp; undefined beyond its limits. */
function convolutionNumbers(
  input: Shape,
  filter: Shape,
  output: Shape,
  { strides, padding }: ConvSpec,
): number[] | undefined {
  const [n, height, width, channels] = input as [number, number, number, number];
  const [kernelHeight, kernelWidth, , outputs] = filter as [number, number, number, number];
  const [, outHeight, outWidth] = output as [number, number, number, number];
  const sizes = [n, height, width, channels, kernelHeight, kernelWidth, outHeight, outWidth, outputs];
  const numbers = [...sizes, ...strides, padding[0][0], padding[1][0]];
  const window = kernelHeight * kernelWidth * channels;
  return window >= 1 && window <= MAX_SIZE && numbers.every((x) => x <= MAX_SIZE) ? numbers : undefined;
}
