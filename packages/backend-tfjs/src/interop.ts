import type { Tensor as TfjsTensor } from '@tensorflow/tfjs-core';
import { BackendError, DTypeError, fromBuffer } from '@sparseflow/tensor';
import type { Backend, DType, Tensor } from '@sparseflow/tensor';
import type { TfjsBackend } from './backend.ts';

/**
 * A tensor over the data of a tfjs tensor, without copying. Each side has its own reference: the data lives until both are disposed,
 * in either order. Nothing is recorded on tfjs's tape.
 *
 * @throws {DTypeError} for other element types than float32 and int32.
 * @throws {BackendError} when `backend` is not a tfjs backend, or the data lives on another one, or was disposed.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs-core';
 * import { createTfjsBackend, fromTfjs } from '@sparseflow/backend-tfjs';
 *
 * const backend = await createTfjsBackend('wasm');
 * await tf.setBackend('wasm');
 * const theirs = tf.tensor2d([[1, 2], [3, 4]]);
 * const ours = fromTfjs(theirs, backend);
 * theirs.dispose();
 * console.log(ours.shape, await ours.data()); // [2, 2], Float32Array [1, 2, 3, 4]
 * ours.dispose();
 * ```
 */
export function fromTfjs(tensor: TfjsTensor, backend: Backend): Tensor {
  if (!isTfjsBackend(backend)) throw notTfjs('fromTfjs', backend);
  const { dtype } = tensor;
  if (dtype !== 'float32' && dtype !== 'int32') {
    throw new DTypeError(
      'fromTfjs',
      `a tfjs tensor of type ${dtype} has no counterpart`,
      "convert it first: x.cast('float32')",
    );
  }
  const shape = [...tensor.shape];
  if (tensor.isDisposed)
    throw new BackendError(
      backend.name,
      'fromTfjs: the tfjs tensor was disposed',
      'convert it before its dispose() or the end of its tidy()',
    );
  if (tensor.size === 0) return fromBuffer(backend, backend.adopt(undefined), shape, dtype);
  const { core, kernelBackend } = backend.tfjs;
  const owner = core.engine().state.tensorInfo.get(tensor.dataId)?.backend;
  if (owner !== kernelBackend) {
    throw new BackendError(
      backend.name,
      `fromTfjs: the tfjs tensor's data lives on ${owner ? 'another tfjs backend' : 'another tfjs-core'}`,
      owner
        ? 'await tf.setBackend(…) to this one before creating it, or copy: tensor(await x.data(), { backend, shape: x.shape })'
        : 'pass that tfjs-core to createTfjsBackend as options.tf',
    );
  }
  kernelBackend.incRef(tensor.dataId);
  return fromBuffer(backend, backend.adopt({ dataId: tensor.dataId, shape, dtype }), shape, dtype);
}

/**
 * A tfjs tensor over the data of a tensor, without copying; the counterpart of {@link fromTfjs}. It belongs to tfjs (its `tidy` and
 * `dispose`), and the data lives until both sides are disposed.
 *
 * @throws {BackendError} when the tensor is not on a tfjs backend.
 * @throws {DisposedTensorError} when it was disposed.
 *
 * @example
 * ```ts
 * import { createTfjsBackend, toTfjs } from '@sparseflow/backend-tfjs';
 * import { tensor } from '@sparseflow/tensor';
 *
 * const backend = await createTfjsBackend('wasm');
 * const ours = tensor([1, 2, 3], { backend });
 * const theirs = toTfjs(ours);
 * ours.dispose();
 * console.log(theirs.dataSync()); // Float32Array [1, 2, 3]
 * theirs.dispose();
 * ```
 */
export function toTfjs(tensor: Tensor): TfjsTensor {
  const { backend, buffer, shape } = tensor;
  if (!isTfjsBackend(backend)) throw notTfjs('toTfjs', backend);
  const { core, kernelBackend } = backend.tfjs;
  const dtype = tensor.dtype as Exclude<DType, 'float64'>;
  const info = backend.lend({ buffer, shape, dtype });
  const engine = core.engine();
  if (info === undefined) {
    const values = dtype === 'int32' ? new Int32Array(0) : new Float32Array(0);
    return engine.makeTensor(values, [...shape], dtype, kernelBackend);
  }
  return engine.makeTensorFromTensorInfo({ dataId: info.dataId, shape: [...shape], dtype }, kernelBackend);
}

/** Whether a backend came from `createTfjsBackend`. */
export function isTfjsBackend(backend: Backend): backend is TfjsBackend {
  return 'tfjs' in backend;
}

function notTfjs(op: string, backend: Backend): BackendError {
  return new BackendError(backend.name, `${op}: it is not a TensorFlow.js backend`, 'use one from createTfjsBackend');
}
