import { normal, splitKey, type Key } from '@sparseflow/tensor';
import { HessianError } from './errors.ts';
import { extendKrylov, startKrylov } from './krylov.ts';
import type { CurvatureOperator } from './operator.ts';
import { tridiagonalEigen } from './tridiagonal.ts';
import { summarize } from './vectors.ts';

export interface DensityOptions {
  readonly key: Key;
  /** Random starting vectors. Default 10. */
  readonly probes?: number;
  /** Lanczos steps from each. Default 80, at most the dimension. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
  readonly onProbe?: (done: number) => void;
}

/** A quadrature of the spectrum: for each probe, nodes with weights that add up to 1. */
export interface SpectralDensity {
  readonly nodes: readonly { readonly values: number[]; readonly weights: number[] }[];
  /** Σ f(λ) over the spectrum divided by the dimension, with its standard error over the probes. */
  average(f: (eigenvalue: number) => number): { readonly value: number; readonly standardError: number };
  /** The density at `points`, each node widened to a Gaussian of standard deviation `sigma`. Its integral is 1. */
  at(points: readonly number[], sigma: number): number[];
}

/**
 * The density of eigenvalues by stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017): the weight of a Ritz value is the squared
 * first component of its tridiagonal eigenvector. On a restricted operator the probes live on the surviving coordinates, so the
 * density is theirs and is normalised.
 *
 * @throws {HessianError} for fewer than one probe or step
 */
export async function spectralDensity(operator: CurvatureOperator, options: DensityOptions): Promise<SpectralDensity> {
  const { probes = 10, signal, onProbe } = options;
  const steps = Math.min(options.steps ?? 80, operator.dimension);
  if (!(probes >= 1) || !(steps >= 1))
    throw new HessianError('spectralDensity', `${probes} probes of ${steps} steps`, 'give at least one of each');
  const nodes: { values: number[]; weights: number[] }[] = [];
  for (const probeKey of splitKey(options.key, probes)) {
    const [startKey, restartKey] = splitKey(probeKey);
    const state = startKrylov(normal(startKey!, operator.dimension));
    for (let more = true; more && state.basis.length < steps;) {
      signal?.throwIfAborted();
      more = await extendKrylov(operator, state, restartKey!);
    }
    const { values, vectors } = tridiagonalEigen(state.alpha, state.beta);
    nodes.push({ values, weights: vectors.map((v) => v[0]! ** 2) });
    onProbe?.(nodes.length);
  }
  const average: SpectralDensity['average'] = (f) =>
    summarize(nodes.map(({ values, weights }) => values.reduce((total, x, i) => total + weights[i]! * f(x), 0)));
  return {
    nodes,
    average,
    at: (points, sigma) =>
      points.map(
        (t) => average((x) => Math.exp(-0.5 * ((t - x) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI))).value,
      ),
  };
}
