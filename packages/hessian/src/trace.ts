import { normal, rademacher, splitKey, type Key } from '@sparseflow/tensor';
import { HessianError } from './errors.ts';
import type { CurvatureOperator } from './operator.ts';
import { dot, norm, orthogonalize, scaled, summarize } from './vectors.ts';

export interface TraceOptions {
  readonly key: Key;
  /** Random vectors; each costs one product (three for Hutch++). */
  readonly samples: number;
  /** Default rademacher, which has the smaller variance. */
  readonly noise?: 'rademacher' | 'gaussian';
  readonly signal?: AbortSignal;
  /** Called after each sample; the sketch of Hutch++ comes before the first. */
  readonly onSample?: (done: number) => void;
}

/** An estimate with its uncertainty. */
export interface Estimate {
  readonly value: number;
  /** Standard error of `value`; NaN for a single sample. */
  readonly standardError: number;
  readonly samples: number;
}

function probes({ key, samples, noise = 'rademacher' }: TraceOptions, dimension: number): Float64Array[] {
  if (!Number.isInteger(samples) || samples < 1)
    throw new HessianError('trace', `${samples} samples`, 'give a positive whole number');
  const draw = noise === 'gaussian' ? normal : rademacher;
  return splitKey(key, samples).map((k) => draw(k, dimension));
}

/** The trace by Hutchinson's estimator, the mean of zᵀHz; unbiased, and the number of samples is fixed beforehand, so it stays so. */
export async function hutchinsonTrace(operator: CurvatureOperator, options: TraceOptions): Promise<Estimate> {
  const values: number[] = [];
  for (const z of probes(options, operator.dimension)) {
    options.signal?.throwIfAborted();
    values.push(dot(z, await operator.apply(z)));
    options.onSample?.(values.length);
  }
  return { ...summarize(values), samples: values.length };
}

/**
 * The trace by Hutch++ (Meyer et al. 2021): exact on the range of a sketch of as many vectors as samples, Hutchinson on the rest.
 * Its error falls faster where few eigenvalues dominate. The standard error is that of the second part, the only random one given
 * the sketch.
 */
export async function hutchPlusPlusTrace(operator: CurvatureOperator, options: TraceOptions): Promise<Estimate> {
  const [sketchKey, sampleKey] = splitKey(options.key);
  const basis: Float64Array[] = [];
  let head = 0;
  for (const s of probes({ ...options, key: sketchKey! }, operator.dimension)) {
    options.signal?.throwIfAborted();
    const y = await operator.apply(s);
    const size = norm(y);
    orthogonalize(y, basis);
    const left = norm(y);
    if (!(left > 1e-12 * size)) continue;
    const q = scaled(y, 1 / left);
    basis.push(q);
    head += dot(q, await operator.apply(q));
  }
  if (basis.length === operator.dimension) return { value: head, standardError: 0, samples: options.samples };
  const values: number[] = [];
  for (const z of probes({ ...options, key: sampleKey! }, operator.dimension)) {
    options.signal?.throwIfAborted();
    orthogonalize(z, basis);
    values.push(head + dot(z, await operator.apply(z)));
    options.onSample?.(values.length);
  }
  return { ...summarize(values), samples: values.length };
}

/** The diagonal, the mean of z ⊙ Hz (Bekas et al. 2007), with a standard error for each coordinate. */
export async function diagonalEstimate(
  operator: CurvatureOperator,
  options: TraceOptions,
): Promise<{ values: Float64Array; standardErrors: Float64Array; samples: number }> {
  const { dimension } = operator;
  const sums = new Float64Array(dimension);
  const squares = new Float64Array(dimension);
  const list = probes(options, dimension);
  const n = list.length;
  for (const [i, z] of list.entries()) {
    options.signal?.throwIfAborted();
    const product = await operator.apply(z);
    for (let j = 0; j < dimension; j++) {
      const entry = z[j]! * product[j]!;
      sums[j]! += entry;
      squares[j]! += entry * entry;
    }
    options.onSample?.(i + 1);
  }
  const values = sums.map((sum) => sum / n);
  const standardErrors = squares.map((square, j) => Math.sqrt(Math.max(0, square / n - values[j]! ** 2) / (n - 1)));
  return { values, standardErrors, samples: n };
}
