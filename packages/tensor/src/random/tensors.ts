import { tensor, type CreateOptions } from '../create.ts';
import type { FloatDType } from '../dtype.ts';
import { sizeOf, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { Key } from './key.ts';
import { normal, rademacher, uniform } from './samplers.ts';

/** Where a random tensor goes. */
export interface RandomTensorOptions extends CreateOptions {
  /** Defaults to the backend's preferred floating type. The same numbers are drawn for every type, then rounded. */
  readonly dtype?: FloatDType;
}

/**
 * A tensor of independent standard normal numbers, drawn on the host and uploaded: the same on every backend.
 *
 * @throws {ValueError} when the key is not a key.
 * @throws {DTypeError} when the backend does not compute with `dtype`.
 * @example
 * ```ts
 * import { key, randomNormal } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const noise = randomNormal(key(0), [128, 2], { backend: createReferenceBackend() });
 * console.log(noise.shape); // [128, 2]
 * ```
 */
export function randomNormal(key: Key, shape: Shape, options: RandomTensorOptions): Tensor {
  return upload(normal, key, shape, options);
}

/**
 * A tensor of independent uniform numbers in [0, 1), drawn on the host and uploaded: the same on every backend.
 *
 * @throws {ValueError} when the key is not a key.
 * @throws {DTypeError} when the backend does not compute with `dtype`.
 * @example
 * ```ts
 * import { key, randomUniform } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const u = randomUniform(key(0), [10], { backend: createReferenceBackend(), dtype: 'float32' });
 * console.log(u.dtype); // float32
 * ```
 */
export function randomUniform(key: Key, shape: Shape, options: RandomTensorOptions): Tensor {
  return upload(uniform, key, shape, options);
}

/**
 * A tensor of independent signs +1 and -1, drawn on the host and uploaded: the same on every backend.
 *
 * @throws {ValueError} when the key is not a key.
 * @throws {DTypeError} when the backend does not compute with `dtype`.
 * @example
 * ```ts
 * import { key, randomRademacher } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const signs = randomRademacher(key(0), [4], { backend: createReferenceBackend() });
 * console.log(signs.dataSync().every((x) => Math.abs(x) === 1)); // true
 * ```
 */
export function randomRademacher(key: Key, shape: Shape, options: RandomTensorOptions): Tensor {
  return upload(rademacher, key, shape, options);
}

type Sampler = (key: Key, size: number, options: { dtype?: FloatDType }) => Float32Array | Float64Array;

function upload(sampler: Sampler, key: Key, shape: Shape, options: RandomTensorOptions): Tensor {
  const { backend } = options;
  const dtype = options.dtype ?? (backend.dtypes[0] as FloatDType);
  return tensor(sampler(key, sizeOf(shape), { dtype }), { backend, shape, dtype });
}
