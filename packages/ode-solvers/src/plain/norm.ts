import { areTolerances } from '../plan.ts';
import { SolveError } from './errors.ts';

/** Tolerances by component, and norms on their scale. */
export class Norm {
  readonly #rtol: Float64Array;
  readonly #atol: Float64Array;

  /** @throws {SolveError} when they do not fit a state of `n` */
  constructor(rtol: number | ArrayLike<number>, atol: number | ArrayLike<number>, n: number) {
    this.#rtol = perComponent('rtol', rtol, n);
    this.#atol = perComponent('atol', atol, n);
  }

  /** The root mean square of `x` over the tolerances at a step from y to y1. */
  of(x: Float64Array, y: Float64Array, y1: Float64Array): number {
    const [rtol, atol] = [this.#rtol, this.#atol];
    let total = 0;
    for (let j = 0; j < x.length; j++) {
      const ratio = x[j]! / (atol[j]! + rtol[j]! * Math.max(Math.abs(y[j]!), Math.abs(y1[j]!)));
      total += ratio * ratio;
    }
    return x.length === 0 ? 0 : Math.sqrt(total / x.length);
  }

  /** By component, `x` over its tolerance. */
  ratios(x: Float64Array, y: Float64Array, y1: Float64Array): Float64Array {
    return x.map((v, j) => v / (this.#atol[j]! + this.#rtol[j]! * Math.max(Math.abs(y[j]!), Math.abs(y1[j]!))));
  }
}

/** One tolerance for each component, all of them above or from 0. */
function perComponent(name: 'rtol' | 'atol', given: number | ArrayLike<number>, n: number): Float64Array {
  if (typeof given === 'number') return new Float64Array(n).fill(given);
  const values = Float64Array.from(given);
  if (values.length !== n || !areTolerances(name, values)) {
    throw new SolveError(
      'VALUE',
      `solve: ${name} does not fit a state of ${n}`,
      'give one positive number for each component',
    );
  }
  return values;
}
