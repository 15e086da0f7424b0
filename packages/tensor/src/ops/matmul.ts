import { DTypeError, ShapeError } from '../errors.ts';
import { scope } from '../memory.ts';
import { bind, type Primitive } from '../primitive.ts';
import { broadcastShapes, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { broadcastTo } from './broadcast.ts';
import { add } from './binary.ts';
import { reshape } from './layout.ts';

export interface MatMulOptions {
  /** Use a with its last two axes swapped. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

type Flags = Required<MatMulOptions>;

const primitive: Primitive<Flags> = {
  name: 'matMul',
  outputs([a, b], { transposeA, transposeB }) {
    const [m, k] = matrixShape(a!, transposeA);
    const [l, n] = matrixShape(b!, transposeB);
    if (k !== l) {
      throw new ShapeError(
        'matMul',
        `inner sizes ${k} and ${l} differ: [${a!.shape}]${transposeA ? 'ᵀ' : ''} × [${b!.shape}]${transposeB ? 'ᵀ' : ''}`,
        'transpose or reshape an operand so that they agree',
      );
    }
    if (a!.dtype !== b!.dtype)
      throw new DTypeError(
        'matMul',
        `operands are ${a!.dtype} and ${b!.dtype}`,
        'cast one of them with cast(x, dtype)',
      );
    return [{ shape: [...a!.shape.slice(0, -2), m, n], dtype: a!.dtype }];
  },
  kernel: (backend, [a, b], flags, [out]) => [backend.matMul(a!, b!, flags.transposeA, flags.transposeB, out!.shape)],
  jvp([ta, tb], { inputs: [a, b], params }) {
    const fromA = ta ? product(ta, b!, params) : null;
    const fromB = tb ? product(a!, tb, params) : null;
    return [fromA && fromB ? add(fromA, fromB) : (fromA ?? fromB)];
  },
  vjp([ct], { inputs: [a, b], params: { transposeA, transposeB } }, needed) {
    if (!ct) return [null, null];
    const inA = () =>
      transposeA
        ? product(b!, ct, { transposeA: transposeB, transposeB: true })
        : product(ct, b!, { transposeA: false, transposeB: !transposeB });
    const inB = () =>
      transposeB
        ? product(ct, a!, { transposeA: true, transposeB: transposeA })
        : product(a!, ct, { transposeA: !transposeA, transposeB: false });
    return [needed[0] ? inA() : null, needed[1] ? inB() : null];
  },
};

function product(a: Tensor, b: Tensor, flags: Flags): Tensor {
  return bind(primitive, [a, b], flags)[0]!;
}

function matrixShape(x: Tensor, transposed: boolean): [number, number] {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/**
 * Matrix product over the last two axes. Leading axes broadcast; a stack of matrices times one matrix runs as a single product.
 *
 * @throws {ShapeError} when the inner sizes differ, or an operand has fewer than two axes
 * @throws {DTypeError} when the operands' dtypes differ
 *
 * @example
 * ```ts
 * import { matMul, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const w = tensor([[1, 2], [3, 4], [5, 6]], { backend }); // [out, in]
 * const x = tensor([[1, 1]], { backend });
 * console.log(matMul(x, w, { transposeB: true }).dataSync()); // [3, 7, 11]
 * ```
 */
export function matMul(a: Tensor, b: Tensor, options: MatMulOptions = {}): Tensor {
  const flags = { transposeA: options.transposeA ?? false, transposeB: options.transposeB ?? false };
  if (a.rank < 2 || b.rank < 2) {
    throw new ShapeError(
      'matMul',
      `operands have shapes [${a.shape}] and [${b.shape}]`,
      'give both at least two axes, for example with expandDims',
    );
  }
  if (a.rank === 2 && b.rank === 2) return product(a, b, flags);
  return scope(() => {
    if (b.rank === 2 && !flags.transposeA) {
      const rows = product(reshape(a, [sizeOf(a.shape.slice(0, -1)), a.shape.at(-1)!]), b, flags);
      return reshape(rows, [...a.shape.slice(0, -1), rows.shape[1]!]);
    }
    const leading = broadcastShapes('matMul', a.shape.slice(0, -2), b.shape.slice(0, -2));
    return product(
      broadcastTo(a, [...leading, ...a.shape.slice(-2)]),
      broadcastTo(b, [...leading, ...b.shape.slice(-2)]),
      flags,
    );
  });
}
