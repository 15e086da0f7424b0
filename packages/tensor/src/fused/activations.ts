import { zerosLike } from '../create.ts';
import { add, minimum, mul } from '../ops/binary.ts';
import { affine } from '../ops/affine.ts';
import { elu, swish } from '../ops/composite.ts';
import { relu, sigmoid, softplus, square, step, tanh } from '../ops/unary.ts';
import type { Tensor } from '../tensor.ts';

export type ActivationName = 'sigmoid' | 'tanh' | 'softplus' | 'relu' | 'elu' | 'swish' | 'identity';

export interface Activation {
  /** h = act(u). */
  readonly apply: (u: Tensor) => Tensor;
  /** dh/du, from u and h. */
  readonly derivative: (u: Tensor, h: Tensor) => Tensor;
}

/** Every activation a network can name. To add one, add an entry; the shared tests run over this table. */
export const activations: Readonly<Record<ActivationName, Activation>> = {
  sigmoid: { apply: sigmoid, derivative: (_, h) => mul(h, affine(h, -1, 1)) },
  tanh: { apply: tanh, derivative: (_, h) => affine(square(h), -1, 1) },
  softplus: { apply: softplus, derivative: (u) => sigmoid(u) },
  relu: { apply: relu, derivative: (u) => step(u) },
  // h > 0 exactly where u > 0; below, exp(u) = h + 1.
  elu: { apply: elu, derivative: (_, h) => affine(minimum(h, 0), 1, 1) },
  swish: {
    apply: swish,
    derivative: (u, h) => {
      const s = sigmoid(u);
      return add(s, mul(h, affine(s, -1, 1)));
    },
  },
  identity: { apply: (u) => u, derivative: (u) => affine(zerosLike(u), 1, 1) },
};
