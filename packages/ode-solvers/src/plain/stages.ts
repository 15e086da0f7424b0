import type { Trial } from '../march/stepper.ts';
import type { PlainField } from '../plain.ts';
import type { Solver } from '../solver.ts';
import { SolveError } from './errors.ts';

type Six = readonly [number, number, number, number, number, number];

/** The weights of a sum over stages that are not zero, with the places of their stages in `Stages.all`. */
interface Row {
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
  /** Their times, as fractions of the step. */
  readonly c: readonly number[];
  /** In the order in which a step takes them: the states of the stages after the first, the result, the error. */
  readonly sums: readonly Row[];
  /** The place of the result among them: the number of stages that it needs. */
  readonly result: number;
  /** The state of a stage, then the error. */
  readonly probe: Float64Array;
  readonly zero: Float64Array;
}

export function stagesOf({ a, b, c, error, fsal }: Solver, n: number): Stages {
  // Two at least, for the probe that chooses the first step.
  const count = Math.max(2, c.length);
  // What a field forgets to write is not a number.
  const all = new Float64Array(n * count).fill(NaN);
  const result = fsal ? c.length - 1 : c.length;
  return {
    all,
    each: Array.from({ length: count }, (_, i) => all.subarray(i * n, (i + 1) * n)),
    c,
    sums: [...a.slice(1, result), b, ...(error ? [error] : [])].map((weights) => rowOf(weights, n)),
    result,
    probe: new Float64Array(n),
    zero: new Float64Array(n),
  };
}

/**
 * Takes a step from `y`, whose derivative is the first stage: the other stages, the result in `y1`, with `complete` the derivative there, and
 * where the trial asks for it the error in `probe`. Gives the number of evaluations.
 *
 * All sums are taken in one loop, written out for up to six stages, with their weights read once and not for every component.
 */
export function takeStages(
  f: PlainField,
  { t, dt, end, estimate }: Trial,
  { all, each, c, sums, result, probe, zero }: Stages,
  y: Float64Array,
  y1: Float64Array,
  complete: boolean,
): number {
  const n = y.length;
  const last = estimate ? result + 1 : result;
  const evaluated = complete ? result : result - 1;
  for (let i = 1; i <= last; i++) {
    const { starts, weights } = sums[i - 1]!;
    const into = i === result ? y1 : probe;
    const base = i > result ? zero : y;
    // By index and not by iterator, which would take longer than the sum.
    switch (starts.length) {
      case 1: {
        const { 0: w0 } = weights as unknown as Six;
        const { 0: s0 } = starts as unknown as Six;
        for (let j = 0; j < n; j++) into[j] = base[j]! + dt * (w0 * all[s0 + j]!);
        break;
      }
      case 2: {
        const { 0: w0, 1: w1 } = weights as unknown as Six;
        const { 0: s0, 1: s1 } = starts as unknown as Six;
        for (let j = 0; j < n; j++) into[j] = base[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]!);
        break;
      }
      case 3: {
        const { 0: w0, 1: w1, 2: w2 } = weights as unknown as Six;
        const { 0: s0, 1: s1, 2: s2 } = starts as unknown as Six;
        for (let j = 0; j < n; j++)
          into[j] = base[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]!);
        break;
      }
      case 4: {
        const { 0: w0, 1: w1, 2: w2, 3: w3 } = weights as unknown as Six;
        const { 0: s0, 1: s1, 2: s2, 3: s3 } = starts as unknown as Six;
        for (let j = 0; j < n; j++)
          into[j] = base[j]! + dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]!);
        break;
      }
      case 5: {
        const { 0: w0, 1: w1, 2: w2, 3: w3, 4: w4 } = weights as unknown as Six;
        const { 0: s0, 1: s1, 2: s2, 3: s3, 4: s4 } = starts as unknown as Six;
        for (let j = 0; j < n; j++)
          into[j] =
            base[j]! +
            dt * (w0 * all[s0 + j]! + w1 * all[s1 + j]! + w2 * all[s2 + j]! + w3 * all[s3 + j]! + w4 * all[s4 + j]!);
        break;
      }
      case 6: {
        const { 0: w0, 1: w1, 2: w2, 3: w3, 4: w4, 5: w5 } = weights as unknown as Six;
        const { 0: s0, 1: s1, 2: s2, 3: s3, 4: s4, 5: s5 } = starts as unknown as Six;
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
          for (let m = 0; m < starts.length; m++) total += weights[m]! * all[starts[m]! + j]!;
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

function rowOf(weights: readonly number[], n: number): Row {
  const used = weights.flatMap((w, i) => (w === 0 ? [] : [i]));
  return { starts: Int32Array.from(used, (i) => i * n), weights: Float64Array.from(used, (i) => weights[i]!) };
}
