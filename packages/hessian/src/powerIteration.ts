import { normal, splitKey } from '@sparseflow/tensor';
import { checkCount, type EigenOptions, type EigenResult } from './lanczos.ts';
import type { CurvatureOperator } from './operator.ts';
import { addScaled, dot, norm, orthogonalize, scaled } from './vectors.ts';

/**
 * The k eigenpairs of largest absolute value, one after the other, by power iteration with deflation. Simple, and slow where
 * eigenvalues are close in size; prefer `lanczos`. Values carry their sign.
 *
 * @throws {HessianError} for k outside 1 … dimension
 */
export async function powerIteration(operator: CurvatureOperator, options: EigenOptions): Promise<EigenResult> {
  const { k, key, tolerance = 1e-8, maxIterations = 1000, signal, onIteration } = options;
  checkCount('powerIteration', k, operator);
  const result = {
    values: [] as number[],
    vectors: [] as Float64Array[],
    residuals: [] as number[],
    iterations: 0,
    converged: true,
  };
  for (const startKey of splitKey(key, k)) {
    let v = normal(startKey, operator.dimension);
    orthogonalize(v, result.vectors);
    v = scaled(v, 1 / norm(v));
    for (let i = 1; ; i++) {
      signal?.throwIfAborted();
      const w = await operator.apply(v);
      result.iterations++;
      onIteration?.(result.iterations);
      const value = dot(v, w);
      const rest = w.slice();
      addScaled(rest, -value, v);
      orthogonalize(w, result.vectors);
      const size = norm(w);
      const residual = norm(rest);
      const done = residual <= tolerance * Math.max(Math.abs(value), Math.abs(result.values[0] ?? 0));
      if (done || i === maxIterations || size === 0) {
        result.values.push(value);
        result.vectors.push(v);
        result.residuals.push(residual);
        result.converged &&= done;
        break;
      }
      v = scaled(w, 1 / size);
    }
  }
  return result;
}
