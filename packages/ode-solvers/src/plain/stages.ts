import { denseWeights, type Solver } from '../solver.ts';

/** The weights of a sum over stages that are not zero, with the places of their stages in `Stages.all`. */
export interface Row {
  readonly starts: Int32Array;
  readonly weights: Float64Array;
}

/**
 * The stages of a step, one after the other in one array: short states are the rule for plain arrays, and walking one array
 * takes half the time of walking many.
 */
export interface Stages {
  readonly all: Float64Array;
  /** The same memory, by stage. */
  readonly each: readonly Float64Array[];
  /** For each stage the weights of those before it. */
  readonly rows: readonly Row[];
  readonly result: Row;
  readonly error: Row | undefined;
  /** The step's length. Here, as a number that is handed on to a function is allocated anew. */
  dt: number;
}

export function stagesOf({ a, b, c, error }: Solver, n: number): Stages {
  // Two at least, for the probe that chooses the first step.
  const count = Math.max(2, c.length);
  const all = new Float64Array(n * count);
  return {
    all,
    each: Array.from({ length: count }, (_, i) => all.subarray(i * n, (i + 1) * n)),
    rows: a.map((row) => rowOf(row, n)),
    result: rowOf(b, n),
    error: error && rowOf(error, n),
    dt: NaN,
  };
}

export function rowOf(weights: readonly number[], n: number): Row {
  const used = weights.flatMap((w, i) => (w === 0 ? [] : [i]));
  return { starts: Int32Array.from(used, (i) => i * n), weights: Float64Array.from(used, (i) => weights[i]!) };
}

/** The weights of the state at t + θ dt. */
export function denseRow(solver: Solver, theta: number, n: number): Row {
  return rowOf(denseWeights(solver, theta), n);
}
