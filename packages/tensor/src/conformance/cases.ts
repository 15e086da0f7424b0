import type { ConformanceCase } from './case.ts';
import { derivativeCases } from './derivativeCases.ts';
import { integerStorageCases, storageCases } from './storageCases.ts';

/**
 * Every check of the suite: operations, dtypes and orders against the reference backend in float64, special values, and storage.
 * A backend that has one of the two floating types runs the cases of that `dtype` and those of 'int32'.
 *
 * @example
 * ```ts
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { conformanceCases } from '@sparseflow/tensor/conformance';
 *
 * const backend = createReferenceBackend();
 * for (const { name, op, run } of conformanceCases()) {
 *   if (op !== 'tanh') continue;
 *   await run(backend); // throws where the backend is off
 *   console.log(name);
 * }
 * ```
 */
export function conformanceCases(): ConformanceCase[] {
  return [
    ...(['float64', 'float32'] as const).flatMap((dtype) => [...derivativeCases(dtype), ...storageCases(dtype)]),
    ...integerStorageCases(),
  ];
}
