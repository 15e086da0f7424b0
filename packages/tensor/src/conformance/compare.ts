import type { FloatDType } from '../index.ts';
import { shapesEqual, SparseflowError } from '../index.ts';
import type { Result } from './problem.ts';

/** The largest relative error allowed, for the value and for derivatives of orders 1 to 3. */
export type Tolerance = readonly [value: number, first: number, second: number, third: number];

/**
 * Rounding is 6e-8 in float32 and 1.1e-16 in float64. GPU functions are off by some units more, sums have up to 20 terms of size 1,
 * and each order of differentiation multiplies the number of operations by 3 to 5. Measured: with every float32 kernel off by up
 * to 4 units in the last place at random, the worst relative errors are 3e-6, 1.3e-6, 7e-6 and 5e-6 at orders 0 to 3 (the value of
 * a program can be a derivative itself), which leaves a factor of 3 to 20.
 */
export const defaultTolerances: Readonly<Record<FloatDType, Tolerance>> = {
  float32: [1e-5, 2e-5, 5e-5, 1e-4],
  float64: [1e-12, 2e-12, 5e-12, 1e-11],
};

/** Terms of size 1 that cancel leave their rounding error behind: results below this are compared as if they were this large. */
const cancellation = 0.1;

/** A result that is not what the reference computes. The message names the first element that is off. */
export class ConformanceError extends SparseflowError {
  constructor(what: string) {
    super('CONFORMANCE', what, 'correct the kernel, or list the case as an exception with the reason');
  }
}

/**
 * Throws unless `actual` has the shape of `expected` and each element agrees: NaN with NaN, Infinity with the same Infinity, and
 * numbers to `tolerance` relative to the largest finite magnitude in `expected` (or, `elementwise`, to their own).
 *
 * @throws ConformanceError
 */
export function assertClose(
  what: string,
  actual: Result,
  expected: Result,
  tolerance: number,
  options: { readonly elementwise?: boolean | undefined } = {},
): void {
  if (!shapesEqual(actual.shape, expected.shape) || actual.values.length !== expected.values.length) {
    throw new ConformanceError(
      `${what}: shape [${actual.shape}] with ${actual.values.length} values, expected [${expected.shape}] with ${expected.values.length}`,
    );
  }
  let largest = cancellation;
  for (let i = 0; i < expected.values.length; i++) {
    const magnitude = Math.abs(expected.values[i]!);
    if (Number.isFinite(magnitude)) largest = Math.max(largest, magnitude);
  }
  for (let i = 0; i < expected.values.length; i++) {
    const x = actual.values[i]!;
    const y = expected.values[i]!;
    if (Object.is(x, y)) continue;
    const bound = tolerance * (options.elementwise ? Math.abs(y) : largest);
    // Written so that NaN on either side fails. Both infinite and equal was handled above.
    if (Number.isFinite(y) && Math.abs(x - y) <= bound) continue;
    throw new ConformanceError(
      `${what}: element ${i} of [${expected.shape}] is ${x}, expected ${y} (error ${Math.abs(x - y)}, allowed ${bound})`,
    );
  }
}
