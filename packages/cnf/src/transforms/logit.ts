import { add, affine, div, log, neg, scope, sigmoid, softplus, sub, sum, ValueError } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import type { Transform } from './transform.ts';
import { transformOf } from './transformOf.ts';

/**
 * From intensities in [0, 1] to the whole line: z = logit(α + (1 - 2α) x) (Dinh et al. 2017). With α = 0 the ends go to infinity.
 *
 * @throws {ValueError} for an alpha outside [0, ½)
 *
 * @example
 * ```ts
 * import { logit } from '@sparseflow/cnf';
 * import { tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const { z } = await logit({ dim: 2 }).forward({}, tensor([[0.5, 0.9]], { backend: createReferenceBackend() }));
 * console.log(z.dataSync()); // [0, 2.197]
 * ```
 */
export function logit({ dim, alpha = 1e-6 }: { readonly dim: number; readonly alpha?: number }): Transform {
  if (!(alpha >= 0 && alpha < 0.5)) throw new ValueError('logit', `alpha is ${alpha}`, 'give a number in [0, 0.5)');
  const width = 1 - 2 * alpha;
  /** Σ log dz/dx = Σ log (1 - 2α) - log s - log (1 - s), where s = σ(z). */
  const logDetAt = (z: Tensor): Tensor => affine(sum(add(softplus(z), softplus(neg(z))), 1), 1, dim * Math.log(width));
  return transformOf({
    dim,
    forward: (_, x) =>
      scope(() => {
        // 1 - s from 1 - x, which is exact near 1, where 1 - s itself would lose all digits in float32.
        const z = sub(log(affine(x, width, alpha)), log(affine(affine(x, -1, 1), width, alpha)));
        return { z, logDet: logDetAt(z) };
      }),
    inverse: (_, z) => scope(() => ({ z: div(affine(sigmoid(z), 1, -alpha), width), logDet: neg(logDetAt(z)) })),
  });
}
