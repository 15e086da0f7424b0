import { onesLike } from '../create.ts';
import { ShapeError } from '../errors.ts';
import { scope } from '../memory.ts';
import type { Tensor } from '../tensor.ts';
import type { Tree } from '../tree.ts';
import { jvp } from './jvp.ts';
import { vjp } from './vjp.ts';

/**
 * The function that gives `f(x, ...rest)`, a single number, together with its gradient in `x`.
 *
 * @throws {ShapeError} when `f` does not return one element.
 *
 * @example
 * ```ts
 * import { square, sum, tensor, valueAndGrad } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const lossAndGrad = valueAndGrad((params: { w: ReturnType<typeof tensor> }) => sum(square(params.w)));
 * const { value, grad } = lossAndGrad({ w: tensor([3, 4], { backend }) });
 * console.log(value.dataSync(), grad.w.dataSync()); // [25], [6, 8]
 * ```
 */
export function valueAndGrad<X extends Tree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor,
): (x: X, ...rest: R) => { value: Tensor; grad: X } {
  return (x, ...rest) =>
    scope(() => {
      const { value, pullback } = vjp((leaf: X) => f(leaf, ...rest), x);
      if (value.size !== 1) {
        throw new ShapeError(
          'grad',
          `the function returned shape [${value.shape}], not a single number`,
          'reduce it with sum or mean, or use vjp',
        );
      }
      return { value, grad: pullback(onesLike(value)) };
    });
}

/** The gradient of a scalar function in its first argument, as a function. See `valueAndGrad`. */
export function grad<X extends Tree, R extends readonly unknown[]>(
  f: (x: X, ...rest: R) => Tensor,
): (x: X, ...rest: R) => X {
  const both = valueAndGrad(f);
  return (x, ...rest) => scope(() => both(x, ...rest).grad);
}

/**
 * The Hessian-vector product of a scalar function at `x` along `v`, forward over reverse: one gradient's cost times about two,
 * and no Hessian is formed (Pearlmutter 1994).
 *
 * @example
 * ```ts
 * import { hvp, mul, square, sum, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const cubes = (x: ReturnType<typeof tensor>) => sum(mul(x, square(x)));
 * console.log(hvp(cubes, tensor([1, 2], { backend }), tensor([1, 1], { backend })).dataSync()); // [6, 12]
 * ```
 */
export function hvp<X extends Tree>(f: (x: X) => Tensor, x: X, v: X): X {
  return scope(() => jvp(grad(f), x, v).tangent);
}
