import type { DType } from '../dtype.ts';
import { DTypeError } from '../errors.ts';
import { bind, type Primitive } from '../primitive.ts';
import type { Tensor } from '../tensor.ts';

const primitive: Primitive<DType> = {
  name: 'cast',
  outputs([x], dtype) {
    if (!x!.backend.dtypes.includes(dtype)) {
      throw new DTypeError(
        'cast',
        `backend '${x!.backend.name}' does not compute with ${dtype}`,
        `use one of ${x!.backend.dtypes.join(', ')}`,
      );
    }
    return [{ shape: x!.shape, dtype }];
  },
  kernel: (backend, [x], dtype) => [backend.cast(x!, dtype)],
  jvp: ([t], { params }) => [t && params !== 'int32' ? cast(t, params) : null],
  vjp: ([ct], { inputs, params }) => [ct && params !== 'int32' ? cast(ct, inputs[0]!.dtype) : null],
};

/** Converts the element type; floats to int32 truncate towards zero. @throws {DTypeError} when the backend lacks it */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : bind(primitive, [x], dtype)[0]!;
}

const copyPrimitive: Primitive<null> = {
  name: 'copy',
  outputs: ([x]) => [x!],
  kernel: (backend, [x]) => [backend.reshape(x!, x!.shape)],
  jvp: ([t]) => [t],
  vjp: ([ct]) => [ct],
};

/** The same value as a tensor of its own, to be disposed on its own. Storage may be shared. */
export function copy(x: Tensor): Tensor {
  return bind(copyPrimitive, [x], null)[0]!;
}

const stopPrimitive: Primitive<null> = {
  name: 'stopGradient',
  outputs: ([x]) => [x!],
  kernel: (backend, [x]) => [backend.reshape(x!, x!.shape)],
  jvp: null,
  vjp: null,
};

/** The same value, treated as a constant by every differentiation. */
export function stopGradient(x: Tensor): Tensor {
  return bind(stopPrimitive, [x], null)[0]!;
}
