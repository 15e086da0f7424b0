import type { Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';
import { sizeBetween } from '../shapes.ts';
import { transpose } from './layout.ts';

/** Rows of x along `axis`. */
export function gather(rt: Runtime, x: Info, indices: Info, axis: number): Info {
  const { shape } = x;
  const [outer, inner] = [sizeBetween(shape, 0, axis), sizeBetween(shape, axis + 1, shape.length)];
  const rows = rt.run('GatherV2', { x: rt.view(x, [outer, shape[axis]!, inner]), indices }, { axis: 1, batchDims: 0 });
  return rt.relabel(rows, [...shape.slice(0, axis), indices.shape[0]!, ...shape.slice(axis + 1)]);
}

/** Zeros with the updates' rows added along `axis`. ScatterNd adds rows along the first axis, so the others are moved behind it. */
export function scatterAdd(rt: Runtime, updates: Info, indices: Info, axis: number, outShape: Shape): Info {
  const [outer, inner] = [sizeBetween(outShape, 0, axis), sizeBetween(outShape, axis + 1, outShape.length)];
  const [k, n] = [indices.shape[0]!, outShape[axis]!];
  const rows = outer === 1 ? updates : rt.temporary(transpose(rt, rt.view(updates, [outer, k, inner]), [1, 0, 2]));
  const scattered = rt.run(
    'ScatterNd',
    { indices: rt.view(indices, [k, 1]), updates: rt.view(rows, [k, outer * inner]) },
    { shape: [n, outer * inner] },
  );
  if (outer === 1) return rt.relabel(scattered, outShape);
  return rt.relabel(transpose(rt, rt.view(rt.temporary(scattered), [n, outer, inner]), [1, 0, 2]), outShape);
}
