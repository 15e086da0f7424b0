import { ShapeError } from '../errors.ts';
import { affine } from '../ops/affine.ts';
import { add, mul } from '../ops/binary.ts';
import { sum } from '../ops/reduce.ts';
import { reshape } from '../ops/layout.ts';
import type { Maybe } from '../primitive.ts';
import { shapesEqual } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { defineFused } from './defineFused.ts';

/** Both operations are linear in each operand, and each is the other's derivative. */
const dots = /* @__PURE__ */ defineFused<number>(
  'rowDots',
  ([a, b], weight) => {
    const total = sum(mul(a!, b!), [0, 2]);
    return [weight === 1 ? total : affine(total, weight)];
  },
  {
    outputs([a, b]) {
      if (a!.rank !== 3 || !shapesEqual(a!.shape, b!.shape) || a!.dtype !== b!.dtype) {
        throw new ShapeError(
          'rowDots',
          `operands [${a!.shape}] ${a!.dtype} and [${b!.shape}] ${b!.dtype}`,
          'give two tensors [count, rows, dim]',
        );
      }
      return [{ shape: [a!.shape[1]!], dtype: a!.dtype }];
    },
    jvp: ([ta, tb], { inputs: [a, b], params }) => [
      bilinear(ta && rowDots(ta, b!, params), tb && rowDots(a!, tb, params)),
    ],
    vjp: ([ct], { inputs: [a, b], params }, [first, second]) => [
      ct && first ? scaleRows(b!, ct, params) : null,
      ct && second ? scaleRows(a!, ct, params) : null,
    ],
  },
);

const scaled = /* @__PURE__ */ defineFused<number>(
  'scaleRows',
  ([x, factors], weight) => {
    const rows = reshape(weight === 1 ? factors! : affine(factors!, weight), [x!.shape[1]!, 1]);
    return [mul(x!, rows)];
  },
  {
    outputs([x, factors]) {
      if (x!.rank !== 3 || !shapesEqual(factors!.shape, [x!.shape[1]!]) || x!.dtype !== factors!.dtype) {
        throw new ShapeError(
          'scaleRows',
          `operands [${x!.shape}] ${x!.dtype} and [${factors!.shape}] ${factors!.dtype}`,
          'give [count, rows, dim] and [rows]',
        );
      }
      return [x!];
    },
    jvp: ([tx, tf], { inputs: [x, factors], params }) => [
      bilinear(tx && scaleRows(tx, factors!, params), tf && scaleRows(x!, tf, params)),
    ],
    vjp: ([ct], { inputs: [x, factors], params }, [first, second]) => [
      ct && first ? scaleRows(ct, factors!, params) : null,
      ct && second ? rowDots(ct, x!, params) : null,
    ],
  },
);

function bilinear(a: Maybe, b: Maybe): Maybe {
  return a && b ? add(a, b) : (a ?? b);
}

/**
 * weight · Σₖ Σ_d a[k, i, d] · b[k, i, d] for each row i: with probes and the derivatives along them, an estimate of the trace.
 *
 * @param a [count, rows, dim]
 * @param b [count, rows, dim]
 * @returns [rows]
 * @throws {ShapeError} when the shapes differ
 *
 * @example
 * ```ts
 * import { rowDots, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const a = tensor([[[1, 2], [3, 4]]], { backend });
 * console.log(rowDots(a, a).dataSync(), rowDots(a, a, 2).dataSync()); // [5, 25], [10, 50]
 * ```
 */
export function rowDots(a: Tensor, b: Tensor, weight = 1): Tensor {
  return dots([a, b], weight)[0]!;
}

/**
 * weight · factors[i] · x[k, i, d].
 *
 * @param x [count, rows, dim]
 * @param factors [rows]
 * @throws {ShapeError} when the shapes do not fit
 *
 * @example
 * ```ts
 * import { scaleRows, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const backend = createReferenceBackend();
 * const x = tensor([[[1, 2], [3, 4]]], { backend });
 * console.log(scaleRows(x, tensor([10, 1], { backend })).dataSync()); // [10, 20, 3, 4]
 * ```
 */
export function scaleRows(x: Tensor, factors: Tensor, weight = 1): Tensor {
  return scaled([x, factors], weight)[0]!;
}
