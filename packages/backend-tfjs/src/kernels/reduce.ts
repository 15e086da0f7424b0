import { sizeOf } from '@sparseflow/tensor';
import type { ReduceOp, Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';
import { mergeReducedAxes } from '../shapes.ts';
import { transpose } from './layout.ts';

export const reduceKernels: Readonly<Record<ReduceOp, string>> = { sum: 'Sum', max: 'Max', min: 'Min' };

/**
 * Reduces a non-empty tensor. The kernels only ever see a matrix whose last axis is reduced: with other axes they transpose
 * internally, and the wasm backend then leaks where that transpose changes nothing.
 */
export function reduce(rt: Runtime, op: ReduceOp, x: Info, axes: readonly number[], outShape: Shape): Info {
  const { shape, reduced } = mergeReducedAxes(x.shape, axes);
  if (!reduced.includes(true)) return rt.share(x, outShape);
  const columns = rt.compositions.reduceColumns?.[op];
  if (columns && shape.length === 2 && reduced[0]) {
    return rt.relabel(columns.compute(rt, rt.view(x, shape)), outShape);
  }
  let rows = x;
  if (reduced.lastIndexOf(false) > reduced.indexOf(true)) {
    const kept = shape.map((_, axis) => axis).filter((axis) => !reduced[axis]);
    const gone = shape.map((_, axis) => axis).filter((axis) => reduced[axis]);
    rows = rt.temporary(transpose(rt, rt.view(x, shape), [...kept, ...gone]));
  }
  const count = sizeOf(outShape);
  return rt.relabel(reduceRows(rt, op, rt.view(rows, [count, sizeOf(x.shape) / count])), outShape);
}

function reduceRows(rt: Runtime, op: ReduceOp, x: Info): Info {
  // Sum and Min read `axis`, Max reads `reductionIndices`.
  return rt.run(reduceKernels[op], { x }, { axis: [1], reductionIndices: [1], keepDims: false });
}
