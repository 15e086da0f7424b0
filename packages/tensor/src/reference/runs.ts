import type { DType, TypedArray } from '../dtype.ts';
import { stridesOf } from '../shape.ts';
import type { Shape } from '../shape.ts';

/** A row-major block of numbers and how to read it: what the reference kernels take. */
export interface Dense {
  readonly values: TypedArray;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Strides that read an operand of `shape` as if it had `outShape`: 0 along every axis that is broadcast. */
export function broadcastStrides(shape: Shape, outShape: Shape): number[] {
  const own = stridesOf(shape);
  const missing = outShape.length - shape.length;
  return outShape.map((_, axis) => {
    const i = axis - missing;
    return i < 0 || shape[i] === 1 ? 0 : own[i]!;
  });
}

/**
 * Visits a strided box of several operands as runs along its innermost axis, in row-major order. Neighbouring axes that are
 * contiguous for all operands are merged first, so operands of equal shape are visited in a single run.
 *
 * @param shape the box
 * @param strides for each operand, its strides along the axes of the box
 * @param starts for each operand, where the box begins
 * @param visit receives each operand's offset (an array that is reused), the length of the run and each operand's step
 */
export function forEachRun(
  shape: Shape,
  strides: readonly (readonly number[])[],
  starts: readonly number[],
  visit: (offsets: readonly number[], length: number, steps: readonly number[]) => void,
): void {
  if (shape.includes(0)) return;
  // Merged axes, innermost first.
  const sizes: number[] = [];
  const steps: number[][] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    if (size === 1) continue;
    const last = sizes.length - 1;
    if (last >= 0 && strides.every((s, k) => s[axis] === steps[last]![k]! * sizes[last]!)) {
      sizes[last]! *= size;
    } else {
      sizes.push(size);
      steps.push(strides.map((s) => s[axis]!));
    }
  }
  const offsets = [...starts];
  const length = sizes[0] ?? 1;
  const innerSteps = steps[0] ?? strides.map(() => 0);
  const position = new Array<number>(sizes.length).fill(0);
  for (;;) {
    visit(offsets, length, innerSteps);
    let axis = 1;
    for (; axis < sizes.length; axis++) {
      const step = steps[axis]!;
      if (++position[axis]! < sizes[axis]!) {
        for (let k = 0; k < offsets.length; k++) offsets[k]! += step[k]!;
        break;
      }
      position[axis] = 0;
      for (let k = 0; k < offsets.length; k++) offsets[k]! -= step[k]! * (sizes[axis]! - 1);
    }
    if (axis >= sizes.length) return;
  }
}
