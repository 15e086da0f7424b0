import { scope, vjp, type Tensor, type Tree } from '@sparseflow/tensor';

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

/**
 * The reverse pass of a replay. A parameter that it does not use gets zeros. `along` is the inner product of a cotangent with the field at
 * the start or the end, leaf by leaf: scalars, or one for each row, whose sum `read` makes a time of.
 */
export function replayedPullback<Y extends Tree, P extends Tree, T>(
  replay: (y0: Y, params: P) => Y,
  y0: Y,
  params: P,
  along: (cotangent: Y, end: 't0' | 't1', y: Y) => readonly Tensor[],
  read: (sum: readonly number[]) => T,
): Replayable<Y, P, T>['pullback'] {
  return async (cotangent) => {
    const { t0, t1, ...gradient } = scope(() => {
      const { value, pullback } = vjp((x: { y0: Y; params: P }) => replay(x.y0, x.params), { y0, params });
      const back = pullback(cotangent);
      return { ...back, t0: along(back.y0, 't0', y0), t1: along(cotangent, 't1', value) };
    });
    const [start, end] = await Promise.all([total(t0), total(t1)]);
    return { ...gradient, t0: read(start.map((x) => 0 - x)), t1: read(end) };
  };
}

/** Reads tensors, adds them up element by element, and disposes them. */
async function total(parts: readonly Tensor[]): Promise<number[]> {
  const values = await Promise.all(parts.map((part) => part.data()));
  for (const part of parts) part.dispose();
  return Array.from(values[0]!, (_, i) => values.reduce((sum, part) => sum + part[i]!, 0));
}
