import { disposeTree, jvp, type Params, type Tree } from '@sparseflow/tensor';
import { movedByEvent } from './adjoints/event.ts';
import { replay } from './replay.ts';
import { solve, type Solution, type SolveOptions, type VectorField } from './solve.ts';

/** A direction in the initial state and the parameters. */
export interface Direction<Y extends Tree, P extends Tree> {
  readonly y0: Y;
  readonly params: P;
}

export interface SolveJvp<Y extends Tree> {
  readonly solution: Solution<Y>;
  /** The derivative of `solution.y1` in the direction; the caller's to dispose. */
  readonly tangent: Y;
  /** The derivative of `solution.t1`: of the time of the terminal event, or 0. */
  readonly t1: number;
}

/**
 * Solves like `solve`, and differentiates the final state in one direction by forward mode: the accepted steps are taken again
 * with dual numbers, their sizes held fixed. Exact for these steps, memory of one step. The right choice for few parameters and
 * many outputs. Where an event ends the solve, the derivative is that of the state at the event, whose time moves.
 *
 * @throws what `solve` throws, and {ShapeError} when the direction does not have the structure of `y0` and `params`
 *
 * @example
 * ```ts
 * import { mul, neg, tensor, zerosLike } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveJvp } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([1, 2], { backend });
 * const params = { rate: tensor(0.5, { backend }) };
 * const direction = { y0: zerosLike(y0), params: { rate: tensor(1, { backend }) } };
 * const { tangent } = await solveJvp((_t, y, p) => neg(mul(p.rate, y)), y0, params, direction, { t0: 0, t1: 2 });
 * console.log(tangent.dataSync()); // -2 exp(-1) y0 = [-0.7358, -1.4715]
 * ```
 */
export async function solveJvp<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  direction: Direction<Y, P>,
  options: SolveOptions,
): Promise<SolveJvp<Y>> {
  const solution = await solve(f, y0, params, options);
  try {
    const { value, tangent } = jvp(
      (x: { y0: Y; params: P }): Y => replay(f, x.y0, x.params, solution.grid, options),
      { y0, params },
      direction as { y0: Y; params: P },
    );
    disposeTree(value);
    const fired = solution.status === 'event' ? solution.events.at(-1)! : undefined;
    if (!fired) return { solution, tangent, t1: 0 };
    const { t, y } = fired;
    const ending = {
      t,
      y,
      value: (time: number, state: Y, p: P) => options.events![fired.event]!.value(time, state, p),
      slope: () => f(t, y, params),
    };
    try {
      return { solution, ...(await movedByEvent(ending, params, { y: tangent, params: direction.params })) };
    } finally {
      disposeTree(tangent);
    }
  } catch (error) {
    solution.dispose();
    throw error;
  }
}
