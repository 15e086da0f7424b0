import { bind, type Primitive } from '../primitive.ts';
import type { Tensor } from '../tensor.ts';

interface Coefficients {
  readonly scale: number;
  readonly shift: number;
}

const primitive: Primitive<Coefficients> = {
  name: 'affine',
  outputs: ([x]) => [x!],
  kernel: (backend, [x], { scale, shift }) => [backend.affine(x!, scale, shift)],
  jvp: ([t], { params }) => [t && affine(t, params.scale, 0)],
  vjp: ([ct], { params }) => [ct && affine(ct, params.scale, 0)],
};

/** scale · x + shift, with plain numbers. */
export function affine(x: Tensor, scale: number, shift = 0): Tensor {
  return bind(primitive, [x], { scale, shift })[0]!;
}
