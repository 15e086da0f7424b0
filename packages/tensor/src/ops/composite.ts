import { zerosLike } from '../create.ts';
import { scope } from '../memory.ts';
import { normalizeAxes } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { add, div, maximum, minimum, mul, sub } from './binary.ts';
import { stopGradient } from './cast.ts';
import { max, sum, type ReduceOptions } from './reduce.ts';
import { reshape } from './layout.ts';
import { where } from './select.ts';
import { exp, expm1, log, sigmoid, sqrt, square, step } from './unary.ts';

/** x where x > 0, else exp(x) - 1 (Clevert et al. 2016). */
export function elu(x: Tensor): Tensor {
  // Both branches are finite and the derivative at 0 is 1, as it should be.
  return scope(() => {
    const positive = step(x);
    const zero = zerosLike(x);
    return where(positive, x, expm1(where(positive, zero, x)));
  });
}

/** x · sigmoid(x), also called SiLU. */
export function swish(x: Tensor): Tensor {
  return scope(() => mul(x, sigmoid(x)));
}

/** Limits x to [low, high]. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return scope(() => minimum(maximum(x, low), high));
}

/** Keeps the shift finite, so that rows of infinities do not turn into NaN. Below the largest float32. */
const LARGEST_SHIFT = 3e38;

/** x minus its largest value over the axes. The shift cancels in what follows, so it is taken as a constant. */
function shifted(x: Tensor, axes: readonly number[]): { difference: Tensor; shift: Tensor } {
  const shift = stopGradient(clip(max(x, axes, { keepDims: true }), -LARGEST_SHIFT, LARGEST_SHIFT));
  return { difference: sub(x, shift), shift };
}

/** log Σ exp(x) over `axes` (all by default), without overflow. @throws {ShapeError} */
export function logSumExp(x: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
  return scope(() => {
    const normalized = normalizeAxes('logSumExp', axes, x.rank);
    const { difference, shift } = shifted(x, normalized);
    const total = add(log(sum(exp(difference), normalized, { keepDims: true })), shift);
    return options?.keepDims
      ? total
      : reshape(
          total,
          x.shape.filter((_, i) => !normalized.includes(i)),
        );
  });
}

/** log of softmax over one axis, the last by default. @throws {ShapeError} */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return scope(() => {
    const { difference } = shifted(x, normalizeAxes('logSoftmax', axis, x.rank));
    return sub(difference, log(sum(exp(difference), axis, { keepDims: true })));
  });
}

/** exp(x) / Σ exp(x) over one axis, the last by default. @throws {ShapeError} */
export function softmax(x: Tensor, axis = -1): Tensor {
  return scope(() => {
    const { difference } = shifted(x, normalizeAxes('softmax', axis, x.rank));
    const weights = exp(difference);
    return div(weights, sum(weights, axis, { keepDims: true }));
  });
}

/** The Euclidean norm over `axes` (all by default). Its derivative at 0 is NaN, as the norm has none there. @throws {ShapeError} */
export function norm(x: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
  return scope(() => sqrt(sum(square(x), axes, options)));
}

/** Σ a · b over all elements. @throws {ShapeError} @throws {DTypeError} */
export function dot(a: Tensor, b: Tensor): Tensor {
  return scope(() => sum(mul(a, b)));
}
