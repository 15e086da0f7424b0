import { allocate } from '../dtype.ts';
import type { TypedArray } from '../dtype.ts';
import { ValueError } from '../errors.ts';
import { sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Dense } from './runs.ts';

function checkIndex(op: string, index: number, size: number): void {
  if (index < 0 || index >= size) {
    throw new ValueError(
      op,
      `index ${index} is out of range for an axis of size ${size}`,
      `use indices from 0 to ${size - 1}`,
    );
  }
}

/**
 * Rows of x along `axis` at `indices`.
 *
 * @throws ValueError if an index is out of range
 */
export function gather(x: Dense, indices: Dense, axis: number): TypedArray {
  const rows = x.shape[axis]!;
  const outer = sizeOf(x.shape.slice(0, axis));
  const inner = sizeOf(x.shape.slice(axis + 1));
  const count = indices.values.length;
  const out = allocate(x.dtype, outer * count * inner);
  for (let j = 0; j < count; j++) {
    const index = indices.values[j]!;
    checkIndex('gather', index, rows);
    for (let o = 0; o < outer; o++) {
      const from = (o * rows + index) * inner;
      out.set(x.values.subarray(from, from + inner), (o * count + j) * inner);
    }
  }
  return out;
}

/**
 * Zeros of `outShape` with the rows of `updates` along `axis` added at `indices`, in the order of the indices.
 *
 * @throws ValueError if an index is out of range
 */
export function scatterAdd(updates: Dense, indices: Dense, axis: number, outShape: Shape): TypedArray {
  const rows = outShape[axis]!;
  const outer = sizeOf(outShape.slice(0, axis));
  const inner = sizeOf(outShape.slice(axis + 1));
  const count = indices.values.length;
  const sums = new Float64Array(outer * rows * inner);
  for (let j = 0; j < count; j++) {
    const index = indices.values[j]!;
    checkIndex('scatterAdd', index, rows);
    for (let o = 0; o < outer; o++) {
      let to = (o * rows + index) * inner;
      let from = (o * count + j) * inner;
      for (let i = 0; i < inner; i++) sums[to++]! += updates.values[from++]!;
    }
  }
  if (updates.dtype === 'float64') return sums;
  const out = allocate(updates.dtype, sums.length);
  out.set(sums);
  return out;
}
