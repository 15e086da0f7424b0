import { ShapeError } from '../errors.ts';
import { zerosLike } from '../create.ts';
import { affine } from '../ops/affine.ts';
import { add } from '../ops/binary.ts';
import { shapesEqual } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { defineFused } from './defineFused.ts';

type Coefficients = readonly number[];

const fused = /* @__PURE__ */ defineFused<Coefficients>(
  'linearCombination',
  (xs, coefficients) => {
    let total: Tensor | undefined;
    xs.forEach((x, i) => {
      const c = coefficients[i]!;
      if (c === 0) return;
      const term = c === 1 ? x : affine(x, c);
      total = total ? add(total, term) : term;
    });
    // A lone term must not be handed out as the result: whoever frees one would free the other.
    return [total && xs.includes(total) ? affine(total, 1) : (total ?? zerosLike(xs[0]!))];
  },
  {
    outputs(xs, coefficients) {
      const first = xs[0]!;
      const odd = xs.find((x) => !shapesEqual(x.shape, first.shape) || x.dtype !== first.dtype);
      if (odd || xs.length !== coefficients.length) {
        throw new ShapeError(
          'linearCombination',
          odd
            ? `terms have shapes [${first.shape}] and [${odd.shape}]`
            : `${xs.length} terms, ${coefficients.length} coefficients`,
          'give tensors of one shape and dtype, and one coefficient for each',
        );
      }
      return [first];
    },
    jvp(tangents, { params }) {
      const present = tangents.flatMap((t, i) => (t ? [{ t, c: params[i]! }] : []));
      return [
        linearCombination(
          present.map(({ t }) => t),
          present.map(({ c }) => c),
        ),
      ];
    },
    vjp: ([ct], { params }, needed) => params.map((c, i) => (ct && needed[i] && c !== 0 ? affine(ct, c) : null)),
  },
);

/**
 * Σ coefficients[i] · xs[i]: a Runge-Kutta stage, an error estimate, a dense-output polynomial. Terms with coefficient 0 are not
 * read, so a NaN in them does not spread.
 *
 * @throws {ShapeError} when shapes, dtypes or lengths differ
 */
export function linearCombination(xs: readonly Tensor[], coefficients: Coefficients): Tensor {
  return fused(xs, coefficients)[0]!;
}
