import { scope, vjp, type Tensor, type Tree } from '@sparseflow/tensor';
import type { Layout } from '../layout.ts';
import type { Leaves } from '../rungeKutta.ts';
import { dots, totals } from './adjoint.ts';

/** A solution whose steps can be taken again as differentiable operations. A time is a number, or one for each row. */
export interface Replayable<Y extends Tree, P extends Tree, T = number> {
  /**
   * Takes the accepted steps again, their sizes held fixed, by differentiable operations: `y1` as a function of `y0` and `params`, to be
   * handed to `vjp`, `jvp`, … of tensor.
   */
  replay(y0: Y, params: P): Y;
  /**
   * The exact gradient of the steps that were taken: maps the cotangent of `y1` to gradients, which are the caller's to dispose. All
   * steps are recorded together. Those in the times are of the problem, up to the method's error: moving `t1` moves the end along the
   * field, moving `t0` the start against it. `y0` and `params` must not have been disposed.
   */
  pullback(cotangent: Y): Promise<{ readonly y0: Y; readonly params: P; readonly t0: T; readonly t1: T }>;
}

/** The two ends of a solve, for the gradients in their times. */
export interface Ends<Y extends Tree, T> {
  readonly layout: Layout<Y>;
  readonly t0: T;
  readonly t1: T;
  readonly field: (t: T, y: Leaves) => Leaves;
  /** By leaf, inner products: scalars, or one for each row. */
  readonly dots: (a: Leaves, b: Leaves) => Tensor[];
  /** Makes a time of their sum over the leaves. */
  readonly read: (sum: readonly number[]) => T;
}

/** Where a time is a number. */
export const oneTime = { dots, read: ([sum]: readonly number[]): number => sum! };

/** The reverse pass of a replay. A parameter that it does not use gets zeros. */
export function replayedPullback<Y extends Tree, P extends Tree, T>(
  replay: (y0: Y, params: P) => Y,
  y0: Y,
  params: P,
  { layout, t0, t1, field, dots, read }: Ends<Y, T>,
): Replayable<Y, P, T>['pullback'] {
  const along = (cotangent: Y, t: T, y: Y): Tensor[] =>
    dots(layout.flatten(cotangent, 'cotangent'), field(t, layout.flatten(y, 'y')));
  return async (cotangent) => {
    const { start, end, ...gradient } = scope(() => {
      const { value, pullback } = vjp((x: { y0: Y; params: P }) => replay(x.y0, x.params), { y0, params });
      const back = pullback(cotangent);
      return { ...back, start: along(back.y0, t0, y0), end: along(cotangent, t1, value) };
    });
    const [first, last] = await Promise.all([totals(start), totals(end)]);
    return { ...gradient, t0: read(first.map((x) => 0 - x)), t1: read(last) };
  };
}
