import { zerosLike } from '../create.ts';
import { DTypeError } from '../errors.ts';
import { bind, type Primitive } from '../primitive.ts';
import { broadcastShapes } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { sumTo } from './broadcast.ts';

const primitive: Primitive<null> = {
  name: 'where',
  outputs([condition, a, b]) {
    if (a!.dtype !== b!.dtype)
      throw new DTypeError('where', `branches are ${a!.dtype} and ${b!.dtype}`, 'cast one of them with cast(x, dtype)');
    const branches = broadcastShapes('where', a!.shape, b!.shape);
    return [{ shape: broadcastShapes('where', condition!.shape, branches), dtype: a!.dtype }];
  },
  kernel: (backend, [condition, a, b], _, [out]) => [backend.select(condition!, a!, b!, out!.shape)],
  jvp: ([, ta, tb], { inputs: [condition, a, b] }) => [
    ta || tb ? where(condition!, ta ?? zerosLike(a!), tb ?? zerosLike(b!)) : null,
  ],
  vjp([ct], { inputs: [condition, a, b] }, needed) {
    if (!ct) return [null, null, null];
    const zero = zerosLike(ct);
    return [
      null,
      needed[1] ? sumTo(where(condition!, ct, zero), a!.shape) : null,
      needed[2] ? sumTo(where(condition!, zero, ct), b!.shape) : null,
    ];
  },
};

/**
 * a where `condition` ≠ 0, else b; all broadcast. A branch that is not taken contributes nothing to the gradient, but a NaN
 * computed *before* it still does: guard the argument, not only the result.
 *
 * @throws {ShapeError} @throws {DTypeError}
 */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return bind(primitive, [condition, a, b], null)[0]!;
}
