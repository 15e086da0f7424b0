import type { Adjoint } from './adjoint.ts';
import { discretePullback } from './discrete.ts';

/**
 * The gradient of `checkpoint`, from one recording of all accepted steps. Memory grows with their number; nothing is gained
 * but a check on the others, and a short path where there are few steps.
 */
export function direct(): Adjoint {
  return {
    name: 'direct',
    keeps: 'nothing',
    pullback: (context, cotangents) =>
      discretePullback(context, cotangents, context.grid.length > 0 ? [[0, context.grid.length]] : []),
  };
}
