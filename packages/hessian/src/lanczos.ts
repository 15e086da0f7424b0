import { normal, splitKey, type Key } from '@sparseflow/tensor';
import { HessianError } from './errors.ts';
import { combine, extendKrylov, startKrylov, type KrylovState } from './krylov.ts';
import type { CurvatureOperator } from './operator.ts';
import { tridiagonalEigen } from './tridiagonal.ts';

export interface EigenOptions {
  /** How many eigenpairs. */
  readonly k: number;
  readonly key: Key;
  /** An eigenpair has converged when its residual is at most this times the largest |eigenvalue| found. Default 1e-8. */
  readonly tolerance?: number;
  /** Products with the operator, at most. Default the dimension, at most 500. */
  readonly maxIterations?: number;
  readonly signal?: AbortSignal;
  readonly onIteration?: (iteration: number) => void;
}

export interface LanczosOptions extends EigenOptions {
  /** Largest in absolute value (default), largest, or smallest eigenvalues. */
  readonly which?: 'magnitude' | 'largest' | 'smallest';
  /** Continue an earlier call with the same operator and key. */
  readonly state?: KrylovState;
}

export interface EigenResult {
  /** In the order that was asked for. */
  readonly values: number[];
  /** Unit vectors. */
  readonly vectors: Float64Array[];
  /** ‖H v - λ v‖ of each pair: the distance to a true eigenvalue is at most this. */
  readonly residuals: number[];
  readonly iterations: number;
  readonly converged: boolean;
}

/**
 * The k outermost eigenpairs by the Lanczos method with full reorthogonalisation. Each is within its residual of a true
 * eigenvalue; `converged` says whether all residuals met the tolerance.
 *
 * @throws {HessianError} for k outside 1 … dimension
 */
export async function lanczos(
  operator: CurvatureOperator,
  options: LanczosOptions,
): Promise<EigenResult & { state: KrylovState }> {
  const { k, key, which = 'magnitude', tolerance = 1e-8, signal, onIteration } = options;
  checkCount('lanczos', k, operator);
  const maxIterations = options.maxIterations ?? Math.min(operator.dimension, 500);
  const [startKey, restartKey] = splitKey(key);
  const state = options.state ?? startKrylov(normal(startKey!, operator.dimension));
  let more = state.basis.length < operator.dimension;
  for (;;) {
    if (more && state.basis.length < maxIterations) {
      signal?.throwIfAborted();
      more = await extendKrylov(operator, state, restartKey!);
      onIteration?.(state.basis.length);
    }
    const m = state.basis.length;
    const done = !more || m >= maxIterations;
    // A look costs m³: taken at every step while that is cheap.
    if (m < k || (!done && m > 64 && m % 8 !== 0)) {
      if (done) throw new HessianError('lanczos', `${m} iterations for ${k} eigenvalues`, 'allow more iterations');
      continue;
    }
    const { values, vectors } = tridiagonalEigen(state.alpha, state.beta);
    const coupling = more ? state.beta[m - 1]! : 0;
    const pairs = values
      .map((value, i) => ({ value, weights: vectors[i]!, residual: Math.abs(coupling * vectors[i]![m - 1]!) }))
      .sort((a, b) => rank(which, b.value) - rank(which, a.value))
      .slice(0, k);
    const scale = Math.max(...values.map(Math.abs));
    const converged = pairs.every(({ residual }) => residual <= tolerance * scale);
    // After an invariant subspace a random vector may reveal copies of an eigenvalue; one that is an eigenvector itself reveals none.
    const exhausted = coupling !== 0 || state.beta[m - 2] === 0;
    if ((converged && exhausted) || done) {
      return {
        values: pairs.map(({ value }) => value),
        vectors: pairs.map(({ weights }) => combine(state.basis, weights)),
        residuals: pairs.map(({ residual }) => residual),
        iterations: m,
        converged,
        state,
      };
    }
  }
}

function rank(which: NonNullable<LanczosOptions['which']>, value: number): number {
  if (which === 'magnitude') return Math.abs(value);
  return which === 'largest' ? value : -value;
}

/** @internal */
export function checkCount(where: string, k: number, { dimension }: CurvatureOperator): void {
  if (!Number.isInteger(k) || k < 1 || k > dimension) {
    throw new HessianError(
      where,
      `k is ${k} for ${dimension} coordinates`,
      `give a whole number from 1 to ${dimension}`,
    );
  }
}
