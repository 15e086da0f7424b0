import { shapesEqual, sizeOf, type Shape } from '@sparseflow/tensor';
import { broadcastStrides } from './layout.ts';

/**
 * How a kernel walks operands that are broadcast to one shape: outer and inner size, then outer and inner step of each operand,
 * where an inner step is 0 or 1.
 */
export type Box = readonly number[];

/**
 * Merges axes until two are left. Undefined where that is not possible, or an operand's inner step would be more than 1: the
 * kernels take equal shapes, single numbers, rows and columns, which is nearly all there is.
 */
export function boxOf(outShape: Shape, shapes: readonly Shape[]): Box | undefined {
  if (shapes.every((shape) => shapesEqual(shape, outShape)))
    return [1, sizeOf(outShape), ...shapes.flatMap(() => [0, 1])];
  const strides = shapes.map((shape) => broadcastStrides(shape, outShape));
  // Merged axes, innermost first.
  const sizes: number[] = [];
  const steps: number[][] = [];
  for (let axis = outShape.length - 1; axis >= 0; axis--) {
    const size = outShape[axis]!;
    if (size === 1) continue;
    const last = sizes.length - 1;
    if (last >= 0 && strides.every((s, i) => s[axis] === steps[last]![i]! * sizes[last]!)) sizes[last]! *= size;
    else {
      sizes.push(size);
      steps.push(strides.map((s) => s[axis]!));
    }
  }
  if (sizes.length > 2 || steps[0]?.some((step) => step > 1)) return undefined;
  return [sizes[1] ?? 1, sizes[0] ?? 1, ...shapes.flatMap((_, i) => [steps[1]?.[i] ?? 0, steps[0]?.[i] ?? 0])];
}
