import type { PlainField } from '../plain.ts';
import type { Solver } from '../solver.ts';
import { dopri5 } from '../solvers/dopri5.ts';
import { SolveError } from './errors.ts';

/** Sums over stages. Of each, weights that are zero are left out; the others begin at a multiple of `width`. */
interface Sums {
  readonly counts: readonly number[];
  readonly weights: Float64Array;
  /** The places of their stages in `Stages.all`. */
  readonly starts: Int32Array;
  readonly width: number;
}

/**
 * The stages of a step, one after the other in one array: short states are the rule for plain arrays, and walking one array
 * takes half the time of walking many.
 */
export interface Stages {
  readonly all: Float64Array;
  /** The same memory, by stage. */
  readonly each: readonly Float64Array[];
  /** Their times, as fractions of the step. */
  readonly c: readonly number[];
  /** In the order in which a step takes them: the states of the stages after the first, the result, the error. */
  readonly sums: Sums;
  /** The place of the result among them: the number of stages that it needs. */
  readonly result: number;
  /** The state of a stage, then the error. */
  readonly probe: Float64Array;
  readonly zero: Float64Array;
  /** Whether `takeDopri5` takes the steps that are complete and have an estimate. */
  readonly written: boolean;
}

export function stagesOf(solver: Solver, n: number): Stages {
  const { a, b, c, error, fsal } = solver;
  // Two at least, for the probe that chooses the first step.
  const count = Math.max(2, c.length);
  // What a field forgets to write is not a number.
  const all = new Float64Array(n * count).fill(NaN);
  const result = fsal ? c.length - 1 : c.length;
  return {
    all,
    each: Array.from({ length: count }, (_, i) => all.subarray(i * n, (i + 1) * n)),
    c,
    sums: sumsOf([...a.slice(1, result), b, ...(error ? [error] : [])], c.length, n),
    result,
    probe: new Float64Array(n),
    zero: new Float64Array(n),
    written: solver === dopri5,
  };
}

/**
 * Takes a step from `y`, whose derivative is the first stage: the other stages, the result in `y1`, with `complete` the derivative there, and
 * with `estimate` the error in `probe`. Gives the number of evaluations.
 *
 * All sums are taken in one loop, written out for up to six stages, with their weights read once and not for every component.
 */
export function takeStages(
  f: PlainField,
  t: number,
  dt: number,
  end: number,
  { all, each, c, sums, result, probe, zero }: Stages,
  y: Float64Array,
  y1: Float64Array,
  estimate: boolean,
  complete: boolean,
): number {
  const n = y.length;
  const last = estimate ? result + 1 : result;
  const evaluated = complete ? result : result - 1;
  const { counts, weights, starts, width } = sums;
  for (let i = 1; i <= last; i++) {
    const into = i === result ? y1 : probe;
    const base = i > result ? zero : y;
    const at = (i - 1) * width;
    const count = counts[i - 1]!;
    switch (count) {
      case 1: {
        const w0 = weights[at]!;
        const s0 = starts[at]!;
        for (let j = 0; j < n; j++) into[j] = base[j]! + dt * (w0 * all[s0 + j]!);
        break;
      }
      case 2: {
        const w0 = weights[at]!;
        const w1 = weights[at + 1]!;
        const s0 = starts[at]!;
        const s1 = starts[at + 1]!;
        for (let j = 0; j < n; j++) into[j] = base[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]!);
        break;
      }
      case 3: {
        const w0 = weights[at]!;
        const w1 = weights[at + 1]!;
        const w2 = weights[at + 2]!;
        const s0 = starts[at]!;
        const s1 = starts[at + 1]!;
        const s2 = starts[at + 2]!;
        for (let j = 0; j < n; j++)
          into[j] = base[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]!);
        break;
      }
      case 4: {
        const w0 = weights[at]!;
        const w1 = weights[at + 1]!;
        const w2 = weights[at + 2]!;
        const w3 = weights[at + 3]!;
        const s0 = starts[at]!;
        const s1 = starts[at + 1]!;
        const s2 = starts[at + 2]!;
        const s3 = starts[at + 3]!;
        for (let j = 0; j < n; j++)
          into[j] = base[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]!);
        break;
      }
      case 5: {
        const w0 = weights[at]!;
        const w1 = weights[at + 1]!;
        const w2 = weights[at + 2]!;
        const w3 = weights[at + 3]!;
        const w4 = weights[at + 4]!;
        const s0 = starts[at]!;
        const s1 = starts[at + 1]!;
        const s2 = starts[at + 2]!;
        const s3 = starts[at + 3]!;
        const s4 = starts[at + 4]!;
        for (let j = 0; j < n; j++)
          into[j] =
            base[j]! +
            dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]! + w4 * all[s4 + j]!);
        break;
      }
      case 6: {
        const w0 = weights[at]!;
        const w1 = weights[at + 1]!;
        const w2 = weights[at + 2]!;
        const w3 = weights[at + 3]!;
        const w4 = weights[at + 4]!;
        const w5 = weights[at + 5]!;
        const s0 = starts[at]!;
        const s1 = starts[at + 1]!;
        const s2 = starts[at + 2]!;
        const s3 = starts[at + 3]!;
        const s4 = starts[at + 4]!;
        const s5 = starts[at + 5]!;
        for (let j = 0; j < n; j++)
          into[j] =
            base[j]! +
            dt *
              (w0 * all[s0 + j]! +
                w1 * all[s1 + j]! +
                w2 * all[s2 + j]! +
                w3 * all[s3 + j]! +
                w4 * all[s4 + j]! +
                w5 * all[s5 + j]!);
        break;
      }
      default:
        for (let j = 0; j < n; j++) {
          let total = 0;
          for (let m = at; m < at + count; m++) total += weights[m]! * all[starts[m]! + j]!;
          into[j] = base[j]! + dt * total;
        }
    }
    if (i <= evaluated) evaluate(f, c[i] === 1 ? end : t + c[i]! * dt, into, each[i]!);
  }
  return evaluated;
}

/** Evaluates the field, and says whether it returned something. */
export function evaluate(f: PlainField, t: number, y: Float64Array, into: Float64Array): boolean {
  const result = f(t, y, into);
  if (!result) return false;
  if (result === into) return true;
  if (result.length !== into.length) {
    throw new SolveError(
      'VALUE',
      `solve: the vector field returned ${result.length} numbers for a state of ${into.length}`,
      'return one derivative for each component',
    );
  }
  for (let j = 0; j < into.length; j++) into[j] = result[j]!;
  return true;
}

/** Σ weights · stages. Those without weight are not read. */
export function combine(ks: readonly Float64Array[], weights: readonly number[]): Float64Array {
  return ks[0]!.map((_, j) => weights.reduce((sum, w, i) => (w === 0 ? sum : sum + w * ks[i]![j]!), 0));
}

/** The state inside a step, by the weights of its stages there. */
export function stateInside(
  y: Float64Array,
  ks: readonly Float64Array[],
  weights: readonly number[],
  dt: number,
): Float64Array {
  const slope = combine(ks, weights);
  return y.map((value, j) => value + dt * slope[j]!);
}

function sumsOf(rows: readonly (readonly number[])[], width: number, n: number): Sums {
  // One array for all, since a short solve feels each that is made.
  const weights = new Float64Array(rows.length * width);
  const starts = new Int32Array(rows.length * width);
  const counts = rows.map((row, i) => {
    let count = 0;
    row.forEach((weight, stage) => {
      if (weight === 0) return;
      weights[i * width + count] = weight;
      starts[i * width + count++] = stage * n;
    });
    return count;
  });
  return { counts, weights, starts, width };
}
