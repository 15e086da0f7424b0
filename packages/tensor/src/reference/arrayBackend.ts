import type { Backend, Buffer, Operand } from '../backend.ts';
import { allocate } from '../dtype.ts';
import type { DType, TypedArray } from '../dtype.ts';
import { DisposedTensorError } from '../errors.ts';
import { conv2d, conv2dFilter, conv2dInput } from './conv.ts';
import { affine, binary, cast, select, unary } from './elementwise.ts';
import { gather, scatterAdd } from './indexing.ts';
import { broadcastTo, concat, fill, pad, slice, transpose } from './layout.ts';
import { matMul } from './matmul.ts';
import { reduce } from './reduce.ts';
import type { Dense } from './runs.ts';

/** What an extension of the array backend works with. */
export interface ArrayBackendTools {
  /** The kernels that are being extended, for what the extension does not cover. */
  readonly base: Backend;
  /** Makes a buffer of a typed array, which then belongs to it. */
  readonly wrap: (values: TypedArray) => Buffer;
  /** The numbers of an operand, to be read only. @throws {DisposedTensorError} naming `op` */
  readonly open: (op: string, x: Operand) => Dense;
}

/** Options of {@link createArrayBackend}. */
export interface ArrayBackendOptions {
  readonly name: string;
  /** The preferred floating type first. */
  readonly dtypes: readonly DType[];
  /** Kernels that replace the reference's; its buffers stay, so each may hand what it does not cover to `base`. */
  readonly extend?: (tools: ArrayBackendTools) => Partial<Omit<Backend, 'name' | 'dtypes'>>;
  /** Is given the array of a buffer that was disposed, when no other buffer shares it: it may be written to again. */
  readonly recycle?: (values: TypedArray) => void;
}

/** What the backend calls a buffer. `values` goes away on disposal, so a late reader fails instead of seeing stale numbers. */
interface ReferenceBuffer {
  values: TypedArray | undefined;
  /** How many buffers have these values, where there was more than one. */
  sharers?: { count: number };
}

/**
 * A backend whose buffers are typed arrays: the reference kernels, and faster ones of the same operations in their place.
 *
 * @throws DisposedTensorError if a kernel is given a buffer that was disposed
 *
 * @example
 * ```ts
 * import { square, tensor } from '@sparseflow/tensor';
 * import { createArrayBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createArrayBackend({
 *   name: 'counting',
 *   dtypes: ['float64'],
 *   extend: ({ base }) => ({
 *     unary(op, x) {
 *       console.log(op); // square
 *       return base.unary(op, x);
 *     },
 *   }),
 * });
 * console.log(square(tensor([3], { backend })).dataSync()); // Float64Array [9]
 * ```
 */
export function createArrayBackend({ name, dtypes, extend, recycle }: ArrayBackendOptions): Backend {
  let live = 0;

  const wrap = (values: TypedArray): Buffer => {
    live++;
    return { values } satisfies ReferenceBuffer;
  };

  const open = (op: string, { buffer, shape, dtype }: Operand): Dense => {
    const { values } = buffer as ReferenceBuffer;
    if (values === undefined) throw new DisposedTensorError(op, shape);
    return { values, shape, dtype };
  };

  // A copy in both directions: buffers are immutable, and callers own the arrays that they pass and receive.
  const read = (x: Operand): TypedArray => open('download', x).values.slice();

  const base: Backend = {
    name,
    dtypes,

    upload(values, _shape, dtype) {
      const copy = allocate(dtype, values.length);
      copy.set(values);
      return wrap(copy);
    },
    download: async (x) => read(x),
    downloadSync: read,
    dispose(buffer) {
      const owned = buffer as ReferenceBuffer;
      const { values, sharers } = owned;
      if (values === undefined) throw new DisposedTensorError('dispose', []);
      owned.values = undefined;
      live--;
      if (!sharers || --sharers.count === 0) recycle?.(values);
    },
    liveBuffers: () => live,

    fill: (shape, value, dtype) => wrap(fill(shape, value, dtype)),
    cast: (x, dtype) => wrap(cast(open('cast', x), dtype)),

    unary: (op, x) => wrap(unary(op, open(op, x))),
    affine: (x, scale, shift) => wrap(affine(open('affine', x), scale, shift)),
    binary: (op, a, b, outShape) => wrap(binary(op, open(op, a), open(op, b), outShape)),
    select: (condition, a, b, outShape) =>
      wrap(select(open('select', condition), open('select', a), open('select', b), outShape)),

    matMul: (a, b, transposeA, transposeB, outShape) =>
      wrap(matMul(open('matMul', a), open('matMul', b), transposeA, transposeB, outShape)),
    conv2d: (input, filter, spec, outShape) =>
      wrap(conv2d(open('conv2d', input), open('conv2d', filter), spec, outShape)),
    conv2dInput: (dy, filter, spec, inputShape) =>
      wrap(conv2dInput(open('conv2dInput', dy), open('conv2dInput', filter), spec, inputShape)),
    conv2dFilter: (input, dy, spec, filterShape) =>
      wrap(conv2dFilter(open('conv2dFilter', input), open('conv2dFilter', dy), spec, filterShape)),

    reduce: (op, x, axes, outShape) => wrap(reduce(op, open(op, x), axes, outShape)),
    broadcastTo: (x, shape) => wrap(broadcastTo(open('broadcastTo', x), shape)),
    // Shares storage: nothing ever writes to it.
    reshape(x) {
      const { values } = open('reshape', x);
      const sharers = ((x.buffer as ReferenceBuffer).sharers ??= { count: 1 });
      sharers.count++;
      live++;
      return { values, sharers } satisfies ReferenceBuffer;
    },
    transpose: (x, permutation) => wrap(transpose(open('transpose', x), permutation)),
    slice: (x, begin, size) => wrap(slice(open('slice', x), begin, size)),
    pad: (x, padding) => wrap(pad(open('pad', x), padding)),
    concat: (xs, axis, outShape) =>
      wrap(
        concat(
          xs.map((x) => open('concat', x)),
          axis,
          outShape,
        ),
      ),
    gather: (x, indices, axis) => wrap(gather(open('gather', x), open('gather', indices), axis)),
    scatterAdd: (updates, indices, axis, outShape) =>
      wrap(scatterAdd(open('scatterAdd', updates), open('scatterAdd', indices), axis, outShape)),
  };
  return { ...base, ...extend?.({ base, wrap, open }) };
}
