import type { Tensor, Tree } from '@sparseflow/tensor';
import type { Layout } from './layout.ts';
import type { Trial } from './march/stepper.ts';
import type { Leaves, StepResult } from './rungeKutta.ts';
import { denseWeights, type Solver } from './solver.ts';

/** A step that a field may take at once: the method is explicit, estimates its error, and its last stage is the slope at the end. */
export interface FieldStep {
  readonly solver: Solver;
  readonly t: number;
  readonly dt: number;
  /** t + dt, free of rounding where that matters. */
  readonly end: number;
  /** Weights of all stages in the state inside the step that is wanted too, if one is: y + dt Σ output[i] kᵢ. No step follows then. */
  readonly output: readonly number[] | undefined;
}

/** What comes of a whole step. All tensors are its own: the solver frees them. */
export interface WholeStep<Y> {
  readonly y1: Y;
  /** The derivative at `y1`. */
  readonly slope: Y;
  /** dt Σ error[i] kᵢ. */
  readonly error: Y;
  readonly output?: Y | undefined;
}

/** A state of the adjoint problem, or its derivative or error: what it carries backwards in time. */
export interface AdjointState<Y extends Tree, P extends Tree> {
  readonly y: Y;
  /** Of y. */
  readonly cotangent: Y;
  /** Of the parameters. */
  readonly params: P;
}

/** What is asked of a state besides the parameters' cotangent, on which nothing depends. */
export type Moved<Y extends Tree, P extends Tree> = Omit<AdjointState<Y, P>, 'params'>;

/** A whole step of the adjoint problem. */
export interface WholeAdjointStep<Y extends Tree, P extends Tree> extends WholeStep<Moved<Y, P>> {
  readonly slope: AdjointState<Y, P>;
  /** The parameters' cotangent at the output, or else at the end. */
  readonly params: P;
}

/** A step on leaves. One that a field took has no stages, but what is computed from them, and says how often it evaluated itself. */
export type LeafStepTaken = StepResult & Partial<WholeStep<Tensor[]>> & { readonly nfe?: number };

/** Takes a whole step from a state and its derivative, or declines. */
export type LeafStep = (
  solver: Solver,
  trial: Trial,
  y: Leaves,
  slope: Leaves | undefined,
) => LeafStepTaken | undefined;

/** Asks for whole steps where no stage is needed afterwards, but for one state inside a last step. */
export function leafStep(
  take: (step: FieldStep, y: Leaves, slope: Leaves) => WholeStep<Tensor[]> | undefined,
): LeafStep {
  return (solver, { t, dt, end, times, estimate, last }, y, slope) => {
    const inside = times.filter((time) => (time - t) / dt !== 1);
    if (!slope || !estimate || !solver.fsal || inside.length > (last ? 1 : 0)) return undefined;
    const output = inside.map((time) => denseWeights(solver, (time - t) / dt))[0];
    const whole = take({ solver, t, dt, end, output }, y, slope);
    return whole && { ...whole, ks: [], nfe: solver.c.length - 1 };
  };
}

/** How a field takes whole steps; `wholeStep` makes one. */
export type FieldStepper<Y extends Tree, P extends Tree> = (layout: Layout<Y>, params: P) => LeafStep;

/**
 * Lets a field take whole steps at once, where that is faster than stage by stage: `step` of a `VectorField`. Only solvers that are
 * explicit, estimate their error and end in the slope at the end ask for it, where nobody wants the stages.
 *
 * @param take gets the state and its derivative; it may decline by returning undefined
 *
 * @example
 * ```ts
 * import { affine, tensor, type Tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { bosh3, solve, wholeStep } from '@sparseflow/ode-solvers';
 *
 * // dy/dt = -y: a stage is a multiple of y, and so is everything else.
 * const step = wholeStep<Tensor, Record<string, Tensor>>(({ solver, dt, output }, y) => {
 *   if (output) return undefined;
 *   const ks: number[] = [];
 *   const sum = (weights: readonly number[]) => ks.reduce((total, k, i) => total + dt * (weights[i] ?? 0) * k, 0);
 *   for (const row of solver.a) ks.push(-(1 + sum(row)));
 *   return { y1: affine(y, -ks.at(-1)!), slope: affine(y, ks.at(-1)!), error: affine(y, sum(solver.error!)) };
 * });
 * const field = Object.assign((_t: number, y: Tensor) => affine(y, -1), { step });
 * const y0 = tensor([1], { backend: createReferenceBackend() });
 * const options = { t0: 0, t1: 1, solver: bosh3, stepTo: [1] };
 * const solution = await solve(field, y0, {}, options);
 * console.log(solution.y1.dataSync()); // [0.3679]
 * ```
 */
export function wholeStep<Y extends Tree, P extends Tree>(
  take: (step: FieldStep, y: Y, slope: Y, params: P) => WholeStep<Y> | undefined,
): FieldStepper<Y, P> {
  return ({ flatten, unflatten }, params) =>
    leafStep((step, y, slope) => {
      const whole = take(step, unflatten(y), unflatten(slope), params);
      return (
        whole && {
          y1: flatten(whole.y1, 'y1'),
          slope: flatten(whole.slope, 'slope'),
          error: flatten(whole.error, 'error'),
          output: whole.output && flatten(whole.output, 'output'),
        }
      );
    });
}
