import { ShapeError } from '../errors.ts';
import { affine } from '../ops/affine.ts';
import { add, div, maximum } from '../ops/binary.ts';
import { sum } from '../ops/reduce.ts';
import { abs, sqrt, square } from '../ops/unary.ts';
import type { Tensor } from '../tensor.ts';
import { defineFused } from './defineFused.ts';

interface Tolerances {
  readonly rtol: number;
  readonly atol: number;
}

const fused = /* @__PURE__ */ defineFused<Tolerances>(
  'scaledErrorNorm',
  (inputs, { rtol, atol }) => {
    const n = inputs.length / 3;
    let total: Tensor | undefined;
    let count = 0;
    for (let i = 0; i < n; i++) {
      const [error, y0, y1] = [inputs[i]!, inputs[n + i]!, inputs[2 * n + i]!];
      const tolerance = affine(maximum(abs(y0), abs(y1)), rtol, atol);
      const squares = sum(square(div(error, tolerance)));
      total = total ? add(total, squares) : squares;
      count += error.size;
    }
    return [sqrt(affine(total!, 1 / count))];
  },
  {
    outputs(inputs) {
      if (inputs.length === 0 || inputs.length % 3 !== 0) {
        throw new ShapeError(
          'scaledErrorNorm',
          `${inputs.length} operands`,
          'give as many errors as states before and after the step',
        );
      }
      return [{ shape: [], dtype: inputs[0]!.dtype }];
    },
  },
);

/**
 * The root mean square of error / (atol + rtol · max(|y0|, |y1|)) over all elements of all parts of a state: at most 1 where a
 * step is accurate enough (Hairer, Nørsett & Wanner, Solving ODEs I, II.4). The scalar stays on the backend.
 *
 * @throws {ShapeError} when the lists differ in length
 */
export function scaledErrorNorm(
  error: readonly Tensor[],
  y0: readonly Tensor[],
  y1: readonly Tensor[],
  tolerances: Tolerances,
): Tensor {
  return fused([...error, ...y0, ...y1], tolerances)[0]!;
}
