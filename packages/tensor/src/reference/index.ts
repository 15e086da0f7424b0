import type { Backend } from '../backend.ts';
import type { FloatDType } from '../dtype.ts';
import { createArrayBackend } from './arrayBackend.ts';

export { createArrayBackend, type ArrayBackendOptions, type ArrayBackendTools } from './arrayBackend.ts';
export type { Dense } from './runs.ts';

/** Options of {@link createReferenceBackend}. */
export interface ReferenceBackendOptions {
  /** The floating type that is listed first, and so used where none is named. Both are always supported. Default: 'float64'. */
  readonly dtype?: FloatDType;
}

/**
 * A backend in plain typed arrays: float64 and float32 (computed in double precision and rounded once when stored), int32 for
 * indices. It is the oracle that other backends are tested against: every kernel is the shortest correct loop, in a fixed order, so
 * equal inputs give bit-equal results. It has no dependency and runs in browsers too.
 *
 * @throws DisposedTensorError if a kernel is given a buffer that was disposed
 * @throws ValueError if an index of gather or scatterAdd is out of range
 *
 * @example
 * ```ts
 * import { add, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const sum = add(tensor([1, 2], { backend }), 1);
 * console.log(await sum.data()); // Float64Array [2, 3]
 * ```
 */
export function createReferenceBackend(options: ReferenceBackendOptions = {}): Backend {
  return createArrayBackend({
    name: 'reference',
    dtypes: options.dtype === 'float32' ? ['float32', 'float64', 'int32'] : ['float64', 'float32', 'int32'],
  });
}
