import { affine, zeros } from '@sparseflow/tensor';
import type { Transform } from './transform.ts';
import { transformOf } from './transformOf.ts';

/** From intensities in [0, 1] to [-½, ½]: FFJORD's alternative to `logit`. */
export function zeroMean({ dim }: { readonly dim: number }): Transform {
  return transformOf({
    dim,
    forward: (_, x) => ({ z: affine(x, 1, -0.5), logDet: zeros([x.shape[0]!], x) }),
    inverse: (_, z) => ({ z: affine(z, 1, 0.5), logDet: zeros([z.shape[0]!], z) }),
  });
}
