import { affine, scope, square, sum, type Tensor } from '@sparseflow/tensor';

/** log N(z; 0, I) of each row: z [batch, dim] → [batch], in nats. */
export function standardNormalLogProb(z: Tensor): Tensor {
  return scope(() => affine(sum(square(z), 1), -0.5, (-z.shape[1]! / 2) * Math.log(2 * Math.PI)));
}
