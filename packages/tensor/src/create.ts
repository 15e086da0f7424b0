import type { Backend } from './backend.ts';
import { allocate, toTypedArray, type DType, type TypedArray } from './dtype.ts';
import { DTypeError, ShapeError } from './errors.ts';
import { sizeOf, type Shape } from './shape.ts';
import { fromBuffer, type Tensor } from './tensor.ts';

export type NestedNumbers = number | readonly NestedNumbers[];

export interface CreateOptions {
  readonly backend: Backend;
  /** Defaults to the backend's preferred floating type. */
  readonly dtype?: DType;
}

/**
 * Uploads numbers. Nested arrays give their own shape; a typed or flat array takes `shape`, or becomes a vector. The values are
 * copied.
 *
 * @throws {ShapeError} when the values do not fill the shape, or nested arrays are ragged.
 * @throws {DTypeError} when the backend does not compute with `dtype`.
 *
 * @example
 * ```ts
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const a = tensor([[1, 2], [3, 4]], { backend });
 * const b = tensor(new Float64Array(6), { backend, shape: [2, 3], dtype: 'float32' });
 * console.log(a.shape, b.dtype); // [2, 2], 'float32'
 * ```
 */
export function tensor(
  values: NestedNumbers | TypedArray,
  options: CreateOptions & { readonly shape?: Shape },
): Tensor {
  const { backend } = options;
  const dtype = checkDType('tensor', backend, options.dtype);
  const typed = ArrayBuffer.isView(values);
  const flat = typed ? values : flatten(values);
  const shape = options.shape ?? (typed ? [values.length] : nestedShape(values));
  if (sizeOf(shape) !== flat.length) {
    throw new ShapeError(
      'tensor',
      `${flat.length} values do not fill shape [${shape}]`,
      'make the product of the axes equal the number of values',
    );
  }
  return fromBuffer(backend, backend.upload(toTypedArray(flat, dtype), shape, dtype), shape, dtype);
}

/** A tensor whose elements all equal `value`. */
export function full(shape: Shape, value: number, options: CreateOptions): Tensor {
  const dtype = checkDType('full', options.backend, options.dtype);
  return fromBuffer(options.backend, options.backend.fill(shape, value, dtype), shape, dtype);
}

export function zeros(shape: Shape, options: CreateOptions): Tensor {
  return full(shape, 0, options);
}

export function ones(shape: Shape, options: CreateOptions): Tensor {
  return full(shape, 1, options);
}

/** Zeros of the same shape, dtype and backend. */
export function zerosLike(x: Tensor): Tensor {
  return full(x.shape, 0, x);
}

/** Ones of the same shape, dtype and backend. */
export function onesLike(x: Tensor): Tensor {
  return full(x.shape, 1, x);
}

/** The identity matrix [n, n]. */
export function eye(n: number, options: CreateOptions): Tensor {
  const dtype = checkDType('eye', options.backend, options.dtype);
  const values = allocate(dtype, n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return tensor(values, { backend: options.backend, shape: [n, n], dtype });
}

function checkDType(op: string, backend: Backend, dtype: DType | undefined): DType {
  const chosen = dtype ?? backend.dtypes[0]!;
  if (!backend.dtypes.includes(chosen)) {
    throw new DTypeError(
      op,
      `backend '${backend.name}' does not compute with ${chosen}`,
      `use one of ${backend.dtypes.join(', ')}, or another backend`,
    );
  }
  return chosen;
}

function nestedShape(values: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let node = values; typeof node !== 'number'; node = node[0] as NestedNumbers) {
    shape.push(node.length);
    if (node.length === 0) break;
  }
  return shape;
}

function flatten(values: NestedNumbers): number[] {
  if (typeof values === 'number') return [values];
  const shape = nestedShape(values);
  const flat: number[] = [];
  const visit = (node: NestedNumbers, depth: number): void => {
    if (typeof node === 'number') {
      if (depth !== shape.length) throw ragged();
      flat.push(node);
    } else {
      if (node.length !== shape[depth]) throw ragged();
      for (const child of node) visit(child, depth + 1);
    }
  };
  visit(values, 0);
  return flat;
}

function ragged(): ShapeError {
  return new ShapeError('tensor', 'nested arrays have unequal lengths', 'give every row the same length');
}
