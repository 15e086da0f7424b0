import { ShapeError } from './errors.ts';

/** Sizes of the axes, row-major: the last axis is contiguous. `[]` is a scalar. */
export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

export function shapesEqual(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** NumPy's broadcasting: axes are aligned from the last; sizes must agree or one of them be 1. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (shapesEqual(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1;
    const n = b[b.length - i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        op,
        `shapes [${a}] and [${b}] do not broadcast: axis ${rank - i} has sizes ${m} and ${n}`,
        'reshape one operand so that each aligned axis has equal size or size 1',
      );
    }
    out[rank - i] = m === 1 ? n : m;
  }
  return out;
}

/** Resolves negative axes, checks range and repetition, and sorts. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = typeof axes === 'number' ? [axes] : axes;
  const out = list.map((axis) => {
    const resolved = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
      throw new ShapeError(
        op,
        `axis ${axis} is out of range for rank ${rank}`,
        `use an axis from ${-rank} to ${rank - 1}`,
      );
    }
    return resolved;
  });
  if (new Set(out).size !== out.length) throw new ShapeError(op, `axes [${list}] repeat`, 'name each axis once');
  return out.sort((a, b) => a - b);
}

/** The shape that is left when `axes` (normalized) are reduced away. */
export function reducedShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.filter((_, i) => !axes.includes(i));
}
