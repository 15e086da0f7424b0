import { dot, scope, type Tensor, type Tree } from '@sparseflow/tensor';
import { having } from '../check.ts';
import type { Step } from '../options.ts';
import type { LeafStep } from '../fieldStep.ts';
import type { Plan } from '../plan.ts';
import type { Leaves } from '../rungeKutta.ts';
import type { FieldVjp } from '../solve.ts';
import type { Problem, Segment } from '../tensorStepper.ts';

/** What a way of differentiating a solve is given: the solved problem. */
export interface AdjointContext {
  readonly evaluate: (t: number, y: Leaves, params: Tree) => Leaves;
  /** The field's value and its vector-Jacobian product, by the field's own way or by differentiation. */
  readonly pullBack: (t: number, y: Leaves, params: Tree, cotangent: Leaves) => FieldVjp<Leaves, Leaves>;
  /** The field's own way to take a step of the adjoint problem. */
  readonly stepBack: LeafStep | undefined;
  readonly y0: Leaves;
  readonly params: Tree;
  readonly plan: Plan;
  /** Tolerances by leaf, where they are not the plan's numbers. */
  readonly tolerances: Problem['tolerances'];
  /** Groups of leaves of the error norm. */
  readonly groups: readonly (readonly number[])[];
  readonly names: readonly string[];
  readonly grid: readonly Step[];
  /** The states at the start of each step, if the adjoint asked for them. */
  readonly states: readonly Leaves[];
  /** The outputs at `plan.times`, if the adjoint asked for them. */
  readonly outputs: readonly Leaves[];
  /** Each step's first state and stages, if the adjoint asked for them. */
  readonly segments: readonly Segment[];
  /** Whether the gradients in the times are wanted, for which the field is evaluated at them. */
  readonly timed: boolean;
}

/** Cotangents of the outputs at `plan.times`; undefined stands for zero. */
export type Cotangents = readonly (Leaves | undefined)[];

export interface Pulled {
  readonly y0: Leaves;
  params: Tree;
  readonly t0: number;
  /** By output. */
  readonly times: readonly number[];
  readonly nfe: number;
}

/** A way of differentiating a solve. Made by `checkpoint`, `backsolve`, `interpolated` or `direct`. */
export interface Adjoint {
  readonly name: string;
  /** What the forward solve must keep for it. */
  readonly keeps: 'states' | 'outputs' | 'dense' | 'nothing';
  pullback(context: AdjointContext, cotangents: Cotangents): Promise<Pulled>;
}

export const anAdjoint = having('pullback', 'an adjoint such as checkpoint()');

/** ⟨a, b⟩ over all leaves, as scalars to be read. */
export function dots(a: Leaves, b: Leaves): Tensor[] {
  return scope(() => a.map((leaf, i) => dot(leaf, b[i]!)));
}

/** Reads scalars, adds them up and disposes them. */
export async function total(scalars: readonly Tensor[]): Promise<number> {
  return (await totals(scalars))[0] ?? 0;
}

/** Reads tensors of one shape, adds them up element by element and disposes them. */
export async function totals(parts: readonly Tensor[]): Promise<number[]> {
  const values = await Promise.all(parts.map((part) => part.data()));
  for (const part of parts) part.dispose();
  return Array.from(values[0] ?? [], (_, i) => values.reduce((sum, part) => sum + part[i]!, 0));
}
