import { add, clip, div, minimum, mul, scope, sqrt, square, sum, ValueError } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import type { GradientTransform } from './optimizer.ts';

/** The Euclidean norm of all elements of all tensors, as a scalar tensor. @throws {ValueError} when there is no tensor */
export function globalNorm(tensors: Params): Tensor {
  const all = Object.values(tensors);
  if (all.length === 0) throw new ValueError('globalNorm', 'there is no tensor', 'give at least one');
  return scope(() => sqrt(all.map((x) => sum(square(x))).reduce((total, x) => add(total, x))));
}

/**
 * Scales all gradients by min(1, maxNorm / (‖g‖ + 1e-6)), where ‖g‖ is the norm of all of them together (Pascanu et al. 2013; the small
 * term is PyTorch's). Nothing is downloaded.
 *
 * @throws {ValueError} when maxNorm is not positive
 *
 * @example
 * ```ts
 * import { clipByGlobalNorm } from '@sparseflow/optim';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const grads = { w: tensor([3, 4], { backend: createReferenceBackend() }) };
 * const { updates } = clipByGlobalNorm(1).update(grads, [], grads);
 * console.log([...updates.w!.dataSync()].map((x) => x.toFixed(3))); // ['0.600', '0.800']
 * ```
 */
export function clipByGlobalNorm(maxNorm: number): GradientTransform<readonly []> {
  checkPositive('clipByGlobalNorm', maxNorm);
  return stateless((grads) => {
    const scale = minimum(div(maxNorm, add(globalNorm(grads), 1e-6)), 1);
    return (g) => mul(g, scale);
  });
}

/**
 * Limits every element of every gradient to [-limit, limit].
 *
 * @throws {ValueError} when limit is not positive
 */
export function clipByValue(limit: number): GradientTransform<readonly []> {
  checkPositive('clipByValue', limit);
  return stateless(() => (g) => clip(g, -limit, limit));
}

function stateless(rule: (grads: Params) => (g: Tensor) => Tensor): GradientTransform<readonly []> {
  return {
    init: () => [],
    update: (grads, state) =>
      scope(() => {
        const change = rule(grads);
        const updates = Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, change(g)]));
        return { updates, state };
      }),
  };
}

function checkPositive(op: string, value: number): void {
  if (!(value > 0)) throw new ValueError(op, `the limit is ${value}`, 'give a positive number');
}
