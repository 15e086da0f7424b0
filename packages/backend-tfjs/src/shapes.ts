import type { Shape } from '@sparseflow/tensor';

/** The product of the axes from `start` up to, not including, `end`. */
export function sizeBetween(shape: Shape, start: number, end: number): number {
  let size = 1;
  for (let i = start; i < end; i++) size *= shape[i]!;
  return size;
}

/**
 * Merges neighbouring axes along which every operand behaves alike (repeats, or does not) and drops axes of size 1, so that
 * kernels for few axes serve tensors of many. All results have the same rank.
 */
export function mergeBroadcastAxes(shapes: readonly Shape[], outShape: Shape): { shapes: number[][]; out: number[] } {
  const merged: number[][] = shapes.map(() => []);
  const out: number[] = [];
  let previous = -1;
  for (let axis = 0; axis < outShape.length; axis++) {
    const n = outShape[axis]!;
    if (n === 1) continue;
    let pattern = 0;
    shapes.forEach((shape, i) => {
      const size = shape[axis - (outShape.length - shape.length)] ?? 1;
      if (size === 1) pattern |= 1 << i;
    });
    const last = out.length - 1;
    if (pattern === previous) out[last]! *= n;
    else out.push(n);
    merged.forEach((shape, i) => {
      const size = pattern & (1 << i) ? 1 : n;
      if (pattern === previous) shape[last]! *= size;
      else shape.push(size);
    });
    previous = pattern;
  }
  return { shapes: merged, out };
}

/** Merges axes that stay neighbours under the permutation, and drops axes of size 1. */
export function mergeTransposedAxes(
  shape: Shape,
  permutation: readonly number[],
): { shape: number[]; permutation: number[] } {
  const runs: number[][] = [];
  for (const axis of permutation) {
    if (shape[axis] === 1) continue;
    const run = runs[runs.length - 1];
    // Axes of size 1 in between do not separate neighbours.
    if (run && isNext(shape, run[run.length - 1]!, axis)) run.push(axis);
    else runs.push([axis]);
  }
  const order = runs.map((_, i) => i).sort((i, j) => runs[i]![0]! - runs[j]![0]!);
  return {
    shape: order.map((i) => runs[i]!.reduce((size, axis) => size * shape[axis]!, 1)),
    permutation: runs.map((_, i) => order.indexOf(i)),
  };
}

function isNext(shape: Shape, axis: number, next: number): boolean {
  return next > axis && sizeBetween(shape, axis + 1, next) === 1;
}

/** Merges neighbouring axes that are all reduced or all kept, and drops axes of size 1. */
export function mergeReducedAxes(shape: Shape, axes: readonly number[]): { shape: number[]; reduced: boolean[] } {
  const merged: number[] = [];
  const reduced: boolean[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) continue;
    const isReduced = axes.includes(axis);
    if (reduced[reduced.length - 1] === isReduced) merged[merged.length - 1]! *= shape[axis]!;
    else {
      merged.push(shape[axis]!);
      reduced.push(isReduced);
    }
  }
  return { shape: merged, reduced };
}

/** Merges every axis that is wholly `untouched` into the one before it (both are contiguous). */
export function mergeUntouchedAxes(
  shape: Shape,
  untouched: (axis: number) => boolean,
): { starts: number[]; inner: number[] } {
  const starts: number[] = [];
  const inner: number[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (starts.length > 0 && untouched(axis)) inner[inner.length - 1]! *= shape[axis]!;
    else {
      starts.push(axis);
      inner.push(1);
    }
  }
  return { starts, inner };
}
