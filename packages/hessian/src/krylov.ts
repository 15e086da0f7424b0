import { normal, splitKey, type Key } from '@sparseflow/tensor';
import type { CurvatureOperator } from './operator.ts';
import { addScaled, dot, norm, orthogonalize, scaled } from './vectors.ts';

/** A Lanczos recurrence that can be continued: the basis, and the tridiagonal matrix of the operator in it. */
export interface KrylovState {
  readonly basis: Float64Array[];
  readonly alpha: number[];
  readonly beta: number[];
  /** What the next basis vector will be made of. */
  next: Float64Array;
}

/** Starts a recurrence at a vector, which must not be zero. */
export function startKrylov(vector: Float64Array): KrylovState {
  return { basis: [], alpha: [], beta: [], next: scaled(vector, 1 / norm(vector)) };
}

/**
 * One Lanczos step with full reorthogonalisation. Where the basis spans an invariant subspace it goes on with a random vector
 * orthogonal to it (coupling 0), so that multiple eigenvalues are found too.
 *
 * @returns false when the basis spans everything
 */
export async function extendKrylov(operator: CurvatureOperator, state: KrylovState, key: Key): Promise<boolean> {
  const { basis, alpha, beta } = state;
  const q = state.next;
  basis.push(q);
  const w = await operator.apply(q);
  const size = norm(w);
  alpha.push(dot(q, w));
  orthogonalize(w, basis);
  const coupling = norm(w);
  if (basis.length === operator.dimension) return false;
  if (coupling > 1e-12 * size) {
    beta.push(coupling);
    state.next = scaled(w, 1 / coupling);
  } else {
    beta.push(0);
    const fresh = normal(splitKey(key, basis.length + 1)[basis.length]!, operator.dimension);
    orthogonalize(fresh, basis);
    state.next = scaled(fresh, 1 / norm(fresh));
  }
  return true;
}

/** A combination of the basis. */
export function combine(basis: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const out = new Float64Array(basis[0]!.length);
  basis.forEach((q, i) => addScaled(out, weights[i]!, q));
  return out;
}
