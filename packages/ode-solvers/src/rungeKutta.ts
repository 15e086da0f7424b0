import { linearCombination, type Tensor } from '@sparseflow/tensor';
import { denseWeights, slopeWeights, type Solver } from './solver.ts';

/** A vector field on the leaves of a state. */
export type LeafField = (t: number, y: readonly Tensor[]) => readonly Tensor[];

/** A state's or derivative's leaves. */
export type Leaves = readonly Tensor[];

/** Σ weights · parts, leaf by leaf. */
export function mix(parts: readonly Leaves[], weights: readonly number[]): Tensor[] {
  return parts[0]!.map((_, j) => linearCombination(parts.map((part) => part[j]!), weights)); // prettier-ignore
}

/** y + dt Σ weights[i] ks[i], for the first `count` leaves. Zero weights are left out. */
export function advance(
  y: Leaves,
  ks: readonly Leaves[],
  weights: readonly number[],
  dt: number,
  count = y.length,
): Tensor[] {
  const result: Tensor[] = [];
  for (let leaf = 0; leaf < count; leaf++) result.push(weighted([y[leaf]!], [1], ks, weights, dt, leaf));
  return result;
}

/** dt Σ weights[i] ks[i][leaf]. */
export function combine(ks: readonly Leaves[], weights: readonly number[], dt: number, leaf: number): Tensor {
  return weighted([], [], ks, weights, dt, leaf);
}

/** Adds the stages' terms to those given. Runs for every stage of every step, hence the loop. */
function weighted(
  terms: Tensor[],
  coefficients: number[],
  ks: readonly Leaves[],
  weights: readonly number[],
  dt: number,
  leaf: number,
): Tensor {
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    terms.push(ks[i]![leaf]!);
    coefficients.push(dt * weights[i]!);
  }
  return linearCombination(terms, coefficients);
}

/** One step of an explicit Runge-Kutta method: the state at its end and the stages. */
export interface StepResult {
  readonly y1: Tensor[];
  readonly ks: readonly Leaves[];
}

export interface StageOptions {
  /** The first stage, where it is known already. */
  readonly k1?: Leaves | undefined;
  /** False saves the last stage of a method that has it only for the next step, the error estimate and the dense output. */
  readonly complete: boolean;
  /** The field reads this many leaves; later ones are integrals that it does not depend on. Default all. */
  readonly read?: number;
}

/** Computes the stages of a step and the state at its end; `end` is t + dt, free of rounding where that matters. */
export function rungeKuttaStep(
  solver: Solver,
  field: LeafField,
  { t, dt, end }: { readonly t: number; readonly dt: number; readonly end: number },
  y: Leaves,
  { k1, complete, read = y.length }: StageOptions,
): StepResult {
  const { a, b, c, fsal } = solver;
  const seen = (leaves: Leaves): Leaves => leaves.slice(0, read);
  const ks: Leaves[] = [k1 ?? field(t, seen(y))];
  const inner = fsal ? c.length - 1 : c.length;
  for (let i = 1; i < inner; i++) {
    ks.push(field(c[i] === 1 ? end : t + c[i]! * dt, advance(y, ks, a[i]!, dt, read)));
  }
  const y1 = advance(y, ks, b, dt);
  if (fsal && complete) ks.push(field(end, seen(y1)));
  return { y1, ks };
}

/** The state at t + θ dt, from the dense output. */
export function denseState(solver: Solver, y: Leaves, ks: readonly Leaves[], dt: number, theta: number): Tensor[] {
  return advance(y, ks, denseWeights(solver, theta), dt);
}

/** The derivative of the dense output at t + θ dt. */
export function denseSlope(solver: Solver, ks: readonly Leaves[], theta: number): Tensor[] {
  const weights = slopeWeights(solver, theta);
  return ks[0]!.map((_, leaf) => combine(ks, weights, 1, leaf));
}
