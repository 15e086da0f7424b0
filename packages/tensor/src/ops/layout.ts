import { zerosLike } from '../create.ts';
import { ShapeError } from '../errors.ts';
import { scope } from '../memory.ts';
import { bind, type Primitive } from '../primitive.ts';
import { normalizeAxes, shapesEqual, sizeOf, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

const reshapePrimitive: Primitive<Shape> = {
  name: 'reshape',
  outputs([x], shape) {
    if (sizeOf(shape) !== x!.size) {
      throw new ShapeError(
        'reshape',
        `[${x!.shape}] has ${x!.size} elements, [${shape}] has ${sizeOf(shape)}`,
        'keep the number of elements',
      );
    }
    return [{ shape, dtype: x!.dtype }];
  },
  kernel: (backend, [x], shape) => [backend.reshape(x!, shape)],
  jvp: ([t], { params }) => [t && reshape(t, params)],
  vjp: ([ct], { inputs }) => [ct && reshape(ct, inputs[0]!.shape)],
};

/** The same elements in row-major order under another shape; one axis may be -1 and is inferred. @throws {ShapeError} */
export function reshape(x: Tensor, shape: Shape): Tensor {
  let target = shape;
  const inferred = shape.indexOf(-1);
  if (inferred >= 0) {
    const rest = shape.reduce((n, m, i) => (i === inferred ? n : n * m), 1);
    target = shape.map((n, i) => (i === inferred ? x.size / rest : n));
  }
  if (!target.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new ShapeError(
      'reshape',
      `cannot view [${x.shape}] as [${shape}]`,
      'use non-negative integers and at most one -1 that divides evenly',
    );
  }
  return shapesEqual(x.shape, target) ? x : bind(reshapePrimitive, [x], target)[0]!;
}

/** Adds an axis of size 1 at `axis` (negative counts from the end of the result). @throws {ShapeError} */
export function expandDims(x: Tensor, axis: number): Tensor {
  const [at] = normalizeAxes('expandDims', axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Removes axes of size 1: those named, or all. @throws {ShapeError} when a named axis is larger */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  if (axes === undefined)
    return reshape(
      x,
      x.shape.filter((n) => n !== 1),
    );
  const dropped = normalizeAxes('squeeze', axes, x.rank);
  const wide = dropped.find((axis) => x.shape[axis] !== 1);
  if (wide !== undefined) {
    throw new ShapeError(
      'squeeze',
      `axis ${wide} of [${x.shape}] has size ${x.shape[wide]}, not 1`,
      'name axes of size 1 only',
    );
  }
  return reshape(
    x,
    x.shape.filter((_, i) => !dropped.includes(i)),
  );
}

const transposePrimitive: Primitive<readonly number[]> = {
  name: 'transpose',
  outputs: ([x], permutation) => [{ shape: permutation.map((axis) => x!.shape[axis]!), dtype: x!.dtype }],
  kernel: (backend, [x], permutation) => [backend.transpose(x!, permutation)],
  jvp: ([t], { params }) => [t && transpose(t, params)],
  vjp: ([ct], { params }) => [ct && transpose(ct, inverse(params))],
};

function inverse(permutation: readonly number[]): number[] {
  const out = new Array<number>(permutation.length);
  permutation.forEach((axis, i) => (out[axis] = i));
  return out;
}

/** Reorders the axes; reverses them by default. Axis i of the result is axis `permutation[i]` of x. @throws {ShapeError} */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation ?? x.shape.map((_, i) => x.rank - 1 - i);
  if (normalizeAxes('transpose', order, x.rank).length !== x.rank) {
    throw new ShapeError(
      'transpose',
      `[${order}] does not name every axis of rank ${x.rank}`,
      'give a permutation of all axes',
    );
  }
  const resolved = order.map((axis) => (axis < 0 ? axis + x.rank : axis));
  return resolved.every((axis, i) => axis === i) ? x : bind(transposePrimitive, [x], resolved)[0]!;
}

interface Box {
  readonly begin: readonly number[];
  readonly size: Shape;
}

const slicePrimitive: Primitive<Box> = {
  name: 'slice',
  outputs: ([x], { size }) => [{ shape: size, dtype: x!.dtype }],
  kernel: (backend, [x], { begin, size }) => [backend.slice(x!, begin, size)],
  jvp: ([t], { params }) => [t && slice(t, params.begin, params.size)],
  vjp: ([ct], { inputs, params: { begin, size } }) => [
    ct &&
      pad(
        ct,
        inputs[0]!.shape.map((n, i) => [begin[i]!, n - begin[i]! - size[i]!] as const),
      ),
  ],
};

/** The box that starts at `begin` and has `size`; a size of -1 reaches to the end. @throws {ShapeError} when it leaves x */
export function slice(x: Tensor, begin: readonly number[], size: Shape): Tensor {
  const resolved = size.map((n, i) => (n === -1 ? x.shape[i]! - begin[i]! : n));
  const inside =
    begin.length === x.rank &&
    resolved.length === x.rank &&
    begin.every((b, i) => b >= 0 && resolved[i]! >= 0 && b + resolved[i]! <= x.shape[i]!);
  if (!inside) {
    throw new ShapeError(
      'slice',
      `the box at [${begin}] of size [${size}] leaves [${x.shape}]`,
      'name a start and a size inside x for every axis',
    );
  }
  return shapesEqual(resolved, x.shape) ? x : bind(slicePrimitive, [x], { begin, size: resolved })[0]!;
}

type Padding = readonly (readonly [number, number])[];

const padPrimitive: Primitive<Padding> = {
  name: 'pad',
  outputs: ([x], padding) => [{ shape: x!.shape.map((n, i) => n + padding[i]![0] + padding[i]![1]), dtype: x!.dtype }],
  kernel: (backend, [x], padding) => [backend.pad(x!, padding)],
  jvp: ([t], { params }) => [t && pad(t, params)],
  vjp: ([ct], { inputs, params }) => [
    ct &&
      slice(
        ct,
        params.map(([before]) => before),
        inputs[0]!.shape,
      ),
  ],
};

/** Zeros around x: [before, after] for every axis. @throws {ShapeError} */
export function pad(x: Tensor, padding: Padding): Tensor {
  if (padding.length !== x.rank || padding.some(([before, after]) => before < 0 || after < 0)) {
    throw new ShapeError(
      'pad',
      `padding for ${padding.length} axes on rank ${x.rank}, or a negative amount`,
      'give [before, after] ≥ 0 for every axis',
    );
  }
  return padding.every(([before, after]) => before === 0 && after === 0) ? x : bind(padPrimitive, [x], padding)[0]!;
}

const concatPrimitive: Primitive<number> = {
  name: 'concat',
  outputs(xs, axis) {
    const first = xs[0]!;
    let extent = 0;
    for (const x of xs) {
      if (
        x.rank !== first.rank ||
        x.dtype !== first.dtype ||
        x.shape.some((n, i) => i !== axis && n !== first.shape[i])
      ) {
        throw new ShapeError(
          'concat',
          `${x.dtype} [${x.shape}] does not line up with ${first.dtype} [${first.shape}] along axis ${axis}`,
          'make dtype and all other axes equal',
        );
      }
      extent += x.shape[axis]!;
    }
    return [{ shape: first.shape.map((n, i) => (i === axis ? extent : n)), dtype: first.dtype }];
  },
  kernel: (backend, xs, axis, [out]) => [backend.concat(xs, axis, out!.shape)],
  jvp: (tangents, { inputs, params }) => [
    concat(
      tangents.map((t, i) => t ?? zerosLike(inputs[i]!)),
      params,
    ),
  ],
  vjp: ([ct], { inputs, params }, needed) => {
    let start = 0;
    return inputs.map((x, i) => {
      const begin = x.shape.map((_, axis) => (axis === params ? start : 0));
      start += x.shape[params]!;
      return ct && needed[i] ? slice(ct, begin, x.shape) : null;
    });
  },
};

/** Joins tensors along an axis. @throws {ShapeError} when there is none, or they do not line up */
export function concat(xs: readonly Tensor[], axis: number): Tensor {
  if (xs.length === 0) throw new ShapeError('concat', 'an empty list', 'give at least one tensor');
  const [at] = normalizeAxes('concat', axis, xs[0]!.rank);
  return xs.length === 1 ? xs[0]! : bind(concatPrimitive, xs, at!)[0]!;
}

/** Joins tensors of one shape along a new axis. @throws {ShapeError} */
export function stack(xs: readonly Tensor[], axis = 0): Tensor {
  return scope(() =>
    concat(
      xs.map((x) => expandDims(x, axis)),
      axis,
    ),
  );
}

/** Cuts x along an axis into parts of the given sizes. @throws {ShapeError} when they do not add up to the axis */
export function split(x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  const [at] = normalizeAxes('split', axis, x.rank);
  if (sizes.reduce((a, b) => a + b, 0) !== x.shape[at!]) {
    throw new ShapeError(
      'split',
      `sizes [${sizes}] do not add up to axis ${axis} of [${x.shape}]`,
      'make the sizes add up to the axis',
    );
  }
  let start = 0;
  return sizes.map((n) => {
    const part = slice(
      x,
      x.shape.map((_, i) => (i === at ? start : 0)),
      x.shape.map((m, i) => (i === at ? n : m)),
    );
    start += n;
    return part;
  });
}
