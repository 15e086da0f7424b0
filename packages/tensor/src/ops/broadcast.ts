import { ShapeError } from '../errors.ts';
import { scope } from '../memory.ts';
import { bind, type Primitive } from '../primitive.ts';
import { broadcastShapes, shapesEqual, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { sum } from './reduce.ts';
import { reshape } from './layout.ts';

const primitive: Primitive<Shape> = {
  name: 'broadcastTo',
  outputs([x], shape) {
    if (!shapesEqual(broadcastShapes('broadcastTo', x!.shape, shape), shape)) {
      throw new ShapeError(
        'broadcastTo',
        `shape [${x!.shape}] does not broadcast to [${shape}]`,
        'each axis of x must equal the target axis or be 1',
      );
    }
    return [{ shape, dtype: x!.dtype }];
  },
  kernel: (backend, [x], shape) => [backend.broadcastTo(x!, shape)],
  jvp: ([t], { params }) => [t && broadcastTo(t, params)],
  vjp: ([ct], { inputs }) => [ct && sumTo(ct, inputs[0]!.shape)],
};

/** Repeats x along new or size-1 axes. @throws {ShapeError} */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return shapesEqual(x.shape, shape) ? x : bind(primitive, [x], shape)[0]!;
}

/** The adjoint of broadcastTo: adds up the axes along which `shape` was repeated. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (shapesEqual(x.shape, shape)) return x;
  const extra = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, i) => (i < extra || (shape[i - extra] === 1 && n !== 1) ? [i] : []));
  return scope(() => reshape(axes.length > 0 ? sum(x, axes) : x, shape));
}
