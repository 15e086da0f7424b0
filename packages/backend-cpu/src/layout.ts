import { shapesEqual, sizeOf, stridesOf, type Backend, type Operand, type Shape } from '@sparseflow/tensor';
import type { ArrayBackendTools } from '@sparseflow/tensor/reference';
import { MAX_ARRAYS, type Kernels } from './operations.ts';
import type { Pool } from './pool.ts';

/** Limit of native/layout.hpp. */
const MAX_AXES = 8;

/** A box of an operand and where it goes. */
interface Placement {
  readonly x: Operand;
  /** Where the box begins in the result and in the operand. */
  readonly starts: readonly [to: number, from: number];
  readonly sizes: Shape;
  /** Steps along each axis of the box. */
  readonly to: readonly number[];
  readonly from: readonly number[];
}

/** The operations that only move numbers. */
type LayoutOperations = Pick<Backend, 'broadcastTo' | 'transpose' | 'slice' | 'pad' | 'concat' | 'gather'>;

/** Strides that read an operand of `shape` as if it had `outShape`: 0 along every axis that is broadcast. */
export function broadcastStrides(shape: Shape, outShape: Shape): number[] {
  const own = stridesOf(shape);
  const missing = outShape.length - shape.length;
  return outShape.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : own[axis - missing]!));
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/**
 * Layout operations as compiled copies of strided boxes, for float32. Where kernels have memory of their own, only transpositions
 * are worth the way there; what moves whole runs of numbers is as fast in place.
 */
export function layoutKernels({ base, wrap, open }: ArrayBackendTools, kernels: Kernels, pool: Pool): LayoutOperations {
  const covers = (rank: number, ...xs: readonly Operand[]): boolean =>
    !kernels.copiesOperands && rank <= MAX_AXES && xs.every(({ dtype }) => dtype === 'float32');
  const copy = (op: string, size: number, placements: readonly Placement[], zeros = false): unknown => {
    const operands = placements.map(({ x }) => open(op, x).values as Float32Array);
    const out = pool.take(size);
    const rank = Math.max(1, placements[0]!.sizes.length);
    const most = Math.floor((MAX_ARRAYS - 2) / (2 + 3 * rank));
    for (let first = 0; first < placements.length; first += most) {
      const numbers = [rank, Number(zeros && first === 0)];
      for (const { starts, sizes, to, from } of placements.slice(first, first + most)) {
        numbers.push(...starts);
        if (sizes.length === 0) numbers.push(1, 1, 1);
        sizes.forEach((n, axis) => numbers.push(n, to[axis]!, from[axis]!));
      }
      kernels.call('copy', numbers, [out], operands.slice(first, first + most));
    }
    return wrap(out);
  };

  return {
    broadcastTo(x, shape) {
      if (!covers(shape.length, x) || shapesEqual(x.shape, shape)) return base.broadcastTo(x, shape);
      const from = broadcastStrides(x.shape, shape);
      return copy('broadcastTo', sizeOf(shape), [{ x, starts: [0, 0], sizes: shape, to: stridesOf(shape), from }]);
    },

    transpose(x, permutation) {
      const single = x.dtype === 'float32' && permutation.length <= MAX_AXES;
      // Where the last axis stays last whole runs are moved.
      const runs = permutation[permutation.length - 1] === permutation.length - 1;
      if (!single || (kernels.copiesOperands && runs)) return base.transpose(x, permutation);
      const strides = stridesOf(x.shape);
      const sizes = permutation.map((axis) => x.shape[axis]!);
      const from = permutation.map((axis) => strides[axis]!);
      return copy('transpose', sizeOf(sizes), [{ x, starts: [0, 0], sizes, to: stridesOf(sizes), from }]);
    },

    slice(x, begin, size) {
      if (!covers(size.length, x)) return base.slice(x, begin, size);
      const from = stridesOf(x.shape);
      const starts = [0, dot(from, begin)] as const;
      return copy('slice', sizeOf(size), [{ x, starts, sizes: size, to: stridesOf(size), from }]);
    },

    pad(x, padding) {
      if (!covers(x.shape.length, x)) return base.pad(x, padding);
      const shape = x.shape.map((n, axis) => n + padding[axis]![0] + padding[axis]![1]);
      const to = stridesOf(shape);
      const begin = padding.map(([before]) => before);
      const starts = [dot(to, begin), 0] as const;
      return copy('pad', sizeOf(shape), [{ x, starts, sizes: x.shape, to, from: stridesOf(x.shape) }], true);
    },

    concat(xs, axis, outShape) {
      if (!covers(outShape.length, ...xs)) return base.concat(xs, axis, outShape);
      const to = stridesOf(outShape);
      let start = 0;
      const placements = xs.map((x): Placement => {
        const starts = [start * to[axis]!, 0] as const;
        start += x.shape[axis]!;
        return { x, starts, sizes: x.shape, to, from: stridesOf(x.shape) };
      });
      return copy('concat', sizeOf(outShape), placements);
    },

    gather(x, indices, axis) {
      const rows = x.shape[axis]!;
      const at = open('gather', indices).values;
      // The reference says which index is out of range.
      if (!covers(0, x) || !(at instanceof Int32Array) || at.some((i) => i < 0 || i >= rows))
        return base.gather(x, indices, axis);
      const [outer, inner] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)].map(sizeOf) as [number, number];
      const out = pool.take(outer * at.length * inner);
      const bits = new Float32Array(at.buffer, at.byteOffset, at.length);
      const values = open('gather', x).values as Float32Array;
      kernels.call('gather', [outer, rows, at.length, inner], [out], [values, bits]);
      return wrap(out);
    },
  };
}
