import { DTypeError, ShapeError } from '../errors.ts';
import { bind, type Primitive } from '../primitive.ts';
import { normalizeAxes } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

const gatherPrimitive: Primitive<number> = {
  name: 'gather',
  outputs([x, indices], axis) {
    checkIndices('gather', indices!);
    return [{ shape: x!.shape.map((n, i) => (i === axis ? indices!.size : n)), dtype: x!.dtype }];
  },
  kernel: (backend, [x, indices], axis) => [backend.gather(x!, indices!, axis)],
  jvp: ([t], { inputs: [, indices], params }) => [t && gather(t, indices!, params)],
  vjp: ([ct], { inputs: [x, indices], params }) => [ct && scatterAdd(ct, indices!, params, x!.shape[params]!), null],
};

interface Target {
  readonly axis: number;
  readonly size: number;
}

const scatterPrimitive: Primitive<Target> = {
  name: 'scatterAdd',
  outputs([updates, indices], { axis, size }) {
    checkIndices('scatterAdd', indices!);
    if (updates!.shape[axis] !== indices!.size) {
      throw new ShapeError(
        'scatterAdd',
        `${indices!.size} indices for ${updates!.shape[axis]} slices along axis ${axis}`,
        'give one index for each slice of the updates',
      );
    }
    return [{ shape: updates!.shape.map((n, i) => (i === axis ? size : n)), dtype: updates!.dtype }];
  },
  kernel: (backend, [updates, indices], { axis }, [out]) => [backend.scatterAdd(updates!, indices!, axis, out!.shape)],
  jvp: ([t], { inputs: [, indices], params }) => [t && scatterAdd(t, indices!, params.axis, params.size)],
  vjp: ([ct], { inputs: [, indices], params }) => [ct && gather(ct, indices!, params.axis), null],
};

function checkIndices(op: string, indices: Tensor): void {
  if (indices.dtype !== 'int32')
    throw new DTypeError(
      op,
      `indices are ${indices.dtype}`,
      "make them int32: tensor([...], { dtype: 'int32', backend })",
    );
  if (indices.rank !== 1) throw new ShapeError(op, `indices have shape [${indices.shape}]`, 'give a vector of indices');
}

/** Slices of x along `axis` at int32 `indices` (a vector, values in range). @throws {ShapeError} @throws {DTypeError} */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  const [at] = normalizeAxes('gather', axis, x.rank);
  return bind(gatherPrimitive, [x, indices], at!)[0]!;
}

/** Zeros of extent `size` along `axis`, with the updates' slices added at int32 `indices`. @throws {ShapeError} @throws {DTypeError} */
export function scatterAdd(updates: Tensor, indices: Tensor, axis: number, size: number): Tensor {
  const [at] = normalizeAxes('scatterAdd', axis, updates.rank);
  return bind(scatterPrimitive, [updates, indices], { axis: at!, size })[0]!;
}
