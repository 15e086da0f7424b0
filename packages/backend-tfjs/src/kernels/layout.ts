import { shapesEqual } from '@sparseflow/tensor';
import type { Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';
import { mergeBroadcastAxes, mergeTransposedAxes, mergeUntouchedAxes, sizeBetween } from '../shapes.ts';

/** TensorFlow.js's kernels take up to this many axes on every backend; beyond it, axes are done one at a time. */
const WIDELY_SUPPORTED_RANK = 4;

export function fill(rt: Runtime, shape: Shape, value: number, dtype: 'float32' | 'int32'): Info {
  return rt.run('Fill', {}, { shape, value, dtype });
}

export function broadcastTo(rt: Runtime, x: Info, shape: Shape): Info {
  const merged = mergeBroadcastAxes([x.shape], shape);
  const from = merged.shapes[0]!;
  if (shapesEqual(from, merged.out)) return rt.share(x, shape);
  const flat = rt.view(x, from);
  const composition = rt.compositions.broadcastTo;
  if (composition) return rt.relabel(composition.compute(rt, flat, merged.out), shape);
  if (from.length <= WIDELY_SUPPORTED_RANK) {
    const reps = merged.out.map((n, axis) => n / from[axis]!);
    return rt.relabel(rt.run('Tile', { x: flat }, { reps }), shape);
  }
  return alongEachAxis(rt, flat, from, merged.out, shape, (_, axis) => ['Tile', { reps: [1, merged.out[axis], 1] }]);
}

export function transpose(rt: Runtime, x: Info, permutation: readonly number[]): Info {
  const outShape = permutation.map((axis) => x.shape[axis]!);
  const merged = mergeTransposedAxes(x.shape, permutation);
  if (merged.permutation.length <= 1) return rt.share(x, outShape);
  const matrices = rt.compositions.transposeMatrices;
  const order = merged.permutation.join();
  if (matrices && (order === '1,0' || order === '0,2,1')) {
    const stack = order === '1,0' ? [1, ...merged.shape] : merged.shape;
    return rt.relabel(matrices.compute(rt, rt.view(x, stack)), outShape);
  }
  return rt.relabel(rt.run('Transpose', { x: rt.view(x, merged.shape) }, { perm: merged.permutation }), outShape);
}

export function slice(rt: Runtime, x: Info, begin: readonly number[], size: Shape): Info {
  if (shapesEqual(x.shape, size)) return rt.share(x, size);
  const { starts, inner } = mergeUntouchedAxes(x.shape, (axis) => size[axis] === x.shape[axis]);
  const from = starts.map((axis, i) => x.shape[axis]! * inner[i]!);
  const origin = starts.map((axis, i) => begin[axis]! * inner[i]!);
  const box = starts.map((axis, i) => size[axis]! * inner[i]!);
  const composition = rt.compositions.slice;
  if (composition) return rt.relabel(composition.compute(rt, rt.view(x, from), origin, box), size);
  if (from.length <= WIDELY_SUPPORTED_RANK) {
    return rt.relabel(rt.run('Slice', { x: rt.view(x, from) }, { begin: origin, size: box }), size);
  }
  return alongEachAxis(rt, x, from, box, size, (rows, axis) => [
    'Slice',
    { begin: [0, origin[axis], 0], size: [rows[0], box[axis], rows[2]] },
  ]);
}

export function pad(rt: Runtime, x: Info, padding: readonly (readonly [number, number])[]): Info {
  const outShape = x.shape.map((n, axis) => n + padding[axis]![0] + padding[axis]![1]);
  if (shapesEqual(x.shape, outShape)) return rt.share(x, outShape);
  const { starts, inner } = mergeUntouchedAxes(x.shape, (axis) => padding[axis]![0] === 0 && padding[axis]![1] === 0);
  const from = starts.map((axis, i) => x.shape[axis]! * inner[i]!);
  const paddings = starts.map((axis, i) => padding[axis]!.map((n) => n * inner[i]!));
  if (from.length <= WIDELY_SUPPORTED_RANK) {
    return rt.relabel(rt.run('PadV2', { x: rt.view(x, from) }, { paddings, constantValue: 0 }), outShape);
  }
  const box = from.map((n, i) => n + paddings[i]![0]! + paddings[i]![1]!);
  const none = [0, 0];
  return alongEachAxis(rt, x, from, box, outShape, (_, axis) => [
    'PadV2',
    { paddings: [none, paddings[axis], none], constantValue: 0 },
  ]);
}

/** Runs a kernel along one axis of [outer, axis, inner] after the other, wherever `from` and `to` differ. */
function alongEachAxis(
  rt: Runtime,
  x: Info,
  from: readonly number[],
  to: readonly number[],
  outShape: Shape,
  kernel: (rows: readonly number[], axis: number) => [name: string, attrs: object],
): Info {
  const shape = [...from];
  let current = x;
  let last: Info | undefined;
  for (let axis = 0; axis < to.length; axis++) {
    if (shape[axis] === to[axis]) continue;
    if (last) rt.temporary(last);
    const rows = [sizeBetween(shape, 0, axis), shape[axis]!, sizeBetween(shape, axis + 1, shape.length)];
    last = rt.run(kernel(rows, axis)[0], { x: rt.view(current, rows) }, kernel(rows, axis)[1]);
    current = last;
    shape[axis] = to[axis]!;
  }
  return rt.relabel(last!, outShape);
}

/** The operands are not empty. */
export function concat(rt: Runtime, xs: readonly Info[], axis: number, outShape: Shape): Info {
  if (xs.length === 1) return rt.share(xs[0]!, outShape);
  const outer = sizeBetween(outShape, 0, axis);
  const rows = xs.map((x) => rt.view(x, [outer, sizeBetween(x.shape, axis, x.shape.length)]));
  const composition = rt.compositions.concatColumns;
  return rt.relabel(composition ? composition.compute(rt, rows) : rt.run('Concat', rows, { axis: 1 }), outShape);
}
