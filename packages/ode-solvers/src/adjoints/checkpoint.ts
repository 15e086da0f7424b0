import type { Adjoint } from './adjoint.ts';
import { discretePullback } from './discrete.ts';

/**
 * The default: the exact gradient of the discrete solution, its step sizes held fixed. The forward solve keeps the state at
 * the start of each accepted step; the backward pass takes one step at a time again, on record, and sweeps it. Memory: the
 * kept states and the recording of one step. Evaluations: as many as the accepted steps took, with rejected ones left out.
 */
export function checkpoint(): Adjoint {
  return {
    name: 'checkpoint',
    keeps: 'states',
    pullback: (context, cotangents) =>
      discretePullback(
        context,
        cotangents,
        context.grid.map((_, n) => [n, n + 1]),
      ),
  };
}
