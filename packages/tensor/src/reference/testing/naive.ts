import { toTypedArray } from '../../dtype.ts';
import type { DType } from '../../dtype.ts';
import type { Shape } from '../../shape.ts';
import type { Dense } from '../runs.ts';

/** Makes an operand of the reference kernels. */
export function dense(values: readonly number[], shape: Shape, dtype: DType = 'float64'): Dense {
  return { values: toTypedArray(values, dtype), shape, dtype };
}

/** An operand filled with values that differ from each other and are exact in float32. */
export function distinct(shape: Shape, dtype: DType = 'float64'): Dense {
  const size = shape.reduce((product, n) => product * n, 1);
  return dense(
    Array.from({ length: size }, (_, i) => ((i * 37) % 101) - 50 + i / 1024),
    shape,
    dtype,
  );
}

/** Every index of a box in row-major order, by recursion. */
export function indices(shape: Shape): number[][] {
  if (shape.length === 0) return [[]];
  const rest = indices(shape.slice(1));
  return Array.from({ length: shape[0]! }, (_, i) => rest.map((tail) => [i, ...tail])).flat();
}

/** The element at an index, by Horner's rule. */
export function element(x: Dense, index: readonly number[]): number {
  let offset = 0;
  x.shape.forEach((n, axis) => (offset = offset * n + index[axis]!));
  return x.values[offset]!;
}

/** The element that broadcasting puts at `index`. */
export function broadcastElement(x: Dense, index: readonly number[]): number {
  const tail = index.slice(index.length - x.shape.length);
  return element(
    x,
    tail.map((i, axis) => (x.shape[axis] === 1 ? 0 : i)),
  );
}

/** Tabulates a function of the index: the oracle that kernels are compared with. */
export function tabulate(shape: Shape, f: (index: number[]) => number): number[] {
  return indices(shape).map(f);
}
