import { tensor, type Backend, type FloatDType, type Tensor } from '@sparseflow/tensor';
import type { Split } from './dataset.ts';
import { DatasetError } from './errors.ts';

/** Where points are uploaded. */
export interface ToTensorOptions {
  readonly backend: Backend;
  /** Defaults to the backend's preferred floating type. */
  readonly dtype?: FloatDType;
}

/**
 * Uploads the points of a batch, or of a whole split, as a [count, dim] tensor.
 *
 * @throws {DTypeError} when the backend does not compute with `dtype`.
 * @example
 * ```ts
 * import { batches, moons, toTensor } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * for (const batch of batches(moons(key(0)).train, { key: key(1), batchSize: 128 })) {
 *   const x = toTensor(batch, { backend });
 *   console.log(x.shape); // [128, 2], and [26, 2] at last
 *   x.dispose();
 * }
 * ```
 */
export function toTensor(points: Split, options: ToTensorOptions): Tensor {
  return tensor(points.points, { ...options, shape: [points.count, points.dim] });
}

/**
 * Uploads the labels of a batch, or of a whole split, as an int32 tensor of shape [count].
 *
 * @throws {DatasetError} when the points have no labels.
 * @throws {DTypeError} when the backend has no int32.
 * @example
 * ```ts
 * import { labelsToTensor, moons } from '@sparseflow/datasets';
 * import { key } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const labels = labelsToTensor(moons(key(0)).test, { backend: createReferenceBackend() });
 * console.log(labels.shape, labels.dtype); // [512] 'int32'
 * ```
 */
export function labelsToTensor(points: Split, { backend }: { readonly backend: Backend }): Tensor {
  if (!points.labels) throw new DatasetError('labelsToTensor', 'the points have no labels', 'use a labelled data set');
  return tensor(points.labels, { backend, dtype: 'int32' });
}
