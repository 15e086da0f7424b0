import { scope, type Tensor } from '@sparseflow/tensor';
import { mix, rungeKuttaStep, type LeafField, type Leaves } from '../rungeKutta.ts';
import { rk4 } from '../solvers/rk4.ts';
import { adamsWeights } from './weights.ts';

/** A step as it was taken: all that is needed to take it again. */
export interface AdamsStep {
  readonly t: number;
  readonly dt: number;
  /** t + dt, free of rounding. */
  readonly end: number;
  /**
   * The times of the derivatives that the predictor uses, on the scale of the step, the latest, 0, first. Their number is the
   * predictor's order, the corrector's is one more. None: the step is one of `rk4`.
   */
  readonly nodes: readonly number[];
  /** How often the result was corrected. */
  readonly corrections: number;
}

/** Predicts by Adams and Bashforth. `past` holds derivatives, the latest first. */
export function predict(y: Leaves, past: readonly Leaves[], { dt, nodes }: AdamsStep): Tensor[] {
  return mix([y, ...past.slice(0, nodes.length)], [1, ...adamsWeights(nodes).map((w) => dt * w)]);
}

/**
 * Corrects by Adams and Moulton: the polynomial through the derivative `slope` at the end and the past ones, up to `theta`. Inside the
 * step that is the method's dense output, of the corrector's order.
 */
export function correct(
  y: Leaves,
  slope: Leaves,
  past: readonly Leaves[],
  { dt, nodes }: AdamsStep,
  theta = 1,
): Tensor[] {
  const weights = adamsWeights([1, ...nodes], theta).map((w) => dt * w);
  return mix([y, slope, ...past.slice(0, nodes.length)], [1, ...weights]);
}

/** Takes the steps of a solve again, by differentiable operations. */
export function replayAdams(field: LeafField, y0: Leaves, steps: readonly AdamsStep[]): Leaves {
  const longest = Math.max(1, ...steps.map(({ nodes }) => nodes.length));
  let y = y0;
  let past: Leaves[] = [];
  for (const step of steps) {
    const [start, known] = [y, past];
    const done = scope(() => {
      const slope = field(step.t, start);
      const all = [slope, ...known].slice(0, longest);
      if (step.nodes.length === 0)
        return { y: rungeKuttaStep(rk4, field, step, start, { k1: slope, complete: false }).y1, past: all };
      let next = predict(start, all, step);
      for (let i = 0; i < step.corrections; i++) next = correct(start, field(step.end, next), all, step);
      return { y: next, past: all };
    });
    ({ y, past } = done);
  }
  return y;
}
