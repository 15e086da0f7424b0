import { ShapeError, shapesEqual, ValueError } from '@sparseflow/tensor';
import type { Masks, Params, Tensor } from '@sparseflow/tensor';
import type { Schedule } from './schedules.ts';

/**
 * What an optimiser remembers between steps: tensors and plain numbers in arrays and plain records, so that a checkpoint can hold it. Its
 * structure is the same at every step.
 */
export type OptimizerState = Tensor | number | readonly OptimizerState[] | { readonly [name: string]: OptimizerState };

/** A learning rate, or a schedule of the optimiser's own count of updates, from 0. */
export type LearningRate = number | Schedule;

export interface UpdateOptions {
  /** Multiplied into the new parameters, and only there: a masked weight stays exactly 0 under momentum and weight decay. */
  readonly masks?: Masks | undefined;
  /** Replaces the optimiser's own learning rate in this step. */
  readonly learningRate?: number | undefined;
}

/**
 * A pair of pure functions. `update` makes new tensors and disposes nothing: the old parameters, gradients and state stay the caller's.
 * {@link fit} takes care of that.
 */
export interface Optimizer<S extends OptimizerState = OptimizerState> {
  /** The state before the first step. */
  init(params: Params): S;
  /**
   * One step down the gradient.
   *
   * @throws {ValueError} when gradients and parameters have different names, or a mask names no parameter
   * @throws {ShapeError} when a gradient or a mask has another shape than its parameter
   */
  update(grads: Params, state: S, params: Params, options?: UpdateOptions): { params: Params; state: S };
}

/** A pair of pure functions that changes gradients before an optimiser sees them; joined by {@link chain}. */
export interface GradientTransform<S extends OptimizerState = OptimizerState> {
  init(params: Params): S;
  update(grads: Params, state: S, params: Params): { updates: Params; state: S };
}

/** Names the first gradient or mask that does not fit the parameters. @internal */
export function checkUpdate(op: string, grads: Params, params: Params, masks: Masks = {}): void {
  for (const name of Object.keys(params)) {
    if (!Object.hasOwn(grads, name)) {
      throw new ValueError(op, `parameter '${name}' has no gradient`, 'give one gradient for every parameter');
    }
  }
  for (const [what, tensors] of [
    ['gradient', grads],
    ['mask', masks],
  ] as const) {
    for (const [name, x] of Object.entries(tensors)) {
      if (!Object.hasOwn(params, name)) {
        throw new ValueError(op, `${what} '${name}' belongs to no parameter`, 'use the names of the parameters');
      }
      const { shape } = params[name]!;
      if (!shapesEqual(x.shape, shape)) {
        throw new ShapeError(
          op,
          `${what} '${name}' has shape [${x.shape}], its parameter [${shape}]`,
          `give the ${what} the shape of its parameter`,
        );
      }
    }
  }
}

/** The learning rate of one step. @internal */
export function learningRateAt(op: string, rate: LearningRate, step: number, override: number | undefined): number {
  const value = override ?? (typeof rate === 'number' ? rate : rate(step));
  if (!(value >= 0 && value < Infinity)) {
    throw new ValueError(op, `learning rate ${value} at step ${step}`, 'give a finite, non-negative number');
  }
  return value;
}

/** @internal */
export function checkRange(op: string, name: string, value: number, low: number, below: number): void {
  if (!(value >= low && value < below)) {
    throw new ValueError(op, `${name} is ${value}`, `give a number in [${low}, ${below})`);
  }
}
