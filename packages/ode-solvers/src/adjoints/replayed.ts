import { scope, vjp, type Tree } from '@sparseflow/tensor';

/** A solution whose steps can be taken again as differentiable operations. */
export interface Replayable<Y extends Tree, P extends Tree> {
  /**
   * Takes the accepted steps again, their sizes held fixed, by differentiable operations: `y1` as a function of `y0` and `params`, to be
   * handed to `vjp`, `jvp`, … of tensor.
   */
  replay(y0: Y, params: P): Y;
  /**
   * The exact gradient of the steps that were taken: maps the cotangent of `y1` to gradients, which are the caller's to dispose. All
   * steps are recorded together. `y0` and `params` must not have been disposed.
   */
  pullback(cotangent: Y): { readonly y0: Y; readonly params: P };
}

/** The reverse pass of a replay. A parameter that it does not use gets zeros. */
export function replayedPullback<Y extends Tree, P extends Tree>(
  replay: (y0: Y, params: P) => Y,
  y0: Y,
  params: P,
): (cotangent: Y) => { y0: Y; params: P } {
  return (cotangent) =>
    scope(() => vjp((x: { y0: Y; params: P }) => replay(x.y0, x.params), { y0, params }).pullback(cotangent));
}
