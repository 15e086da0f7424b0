import {
  disposeTree,
  linearCombination,
  scaledErrorNorm,
  scope,
  ShapeError,
  sub,
  ValueError,
  type Params,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { NonFiniteStateError } from './errors.ts';
import { report } from './failure.ts';
import { layoutOf } from './layout.ts';
import type { Stats } from './options.ts';
import { copy } from './replay.ts';
import { rungeKuttaStep, type LeafField, type Leaves } from './rungeKutta.ts';
import { rk4 } from './solvers/rk4.ts';
import type { VectorField } from './solve.ts';

export interface AdamsOptions {
  readonly t0: number;
  readonly t1: number;
  /** Equal steps. */
  readonly steps: number;
  /** `explicit`: Adams-Bashforth, one evaluation a step. `implicit` (default): corrected by Adams-Moulton. */
  readonly method?: 'explicit' | 'implicit' | undefined;
  /**
   * The largest order, 4 to 12, default 5. The higher it is, the shorter steps must be to be stable: torchdiffeq's 12 gives
   * nonsense where f' dt is above 1e-3 or so, and no error tells.
   */
  readonly maxOrder?: number | undefined;
  /** Where the corrector's iteration ends: changes of this size, relative and absolute. Defaults 1e-3 and 1e-4, torchdiffeq's. */
  readonly rtol?: number | undefined;
  readonly atol?: number | undefined;
  /** Limit on the corrector's iterations, default 4. */
  readonly iterations?: number | undefined;
}

export interface AdamsSolution<Y extends Tree> {
  readonly y1: Y;
  readonly stats: Stats & {
    /** Steps whose corrector did not converge: take shorter ones. */
    readonly unconverged: number;
  };
  dispose(): void;
}

/**
 * The weights of an Adams method of `order` steps, the latest derivative first: of the explicit one (Bashforth), or of the
 * implicit one (Moulton), whose first weight is that of the derivative at the end of the step. From the generating function of
 * backward differences (Hairer, Nørsett & Wanner, Solving ODEs I, III.1).
 */
export function adamsWeights(order: number, kind: 'explicit' | 'implicit'): number[] {
  const gammas: number[] = [];
  for (let j = 0; j < order; j++) {
    const start = kind === 'explicit' || j === 0 ? 1 : 0;
    gammas.push(gammas.reduce((sum, gamma, i) => sum - gamma / (j + 1 - i), start));
  }
  // ∇ʲ f = Σ (-1)ⁱ C(j, i) fᵢ, where fᵢ lies i steps back.
  const weights = new Array<number>(order).fill(0);
  gammas.forEach((gamma, j) => {
    let binomial = 1;
    for (let i = 0; i <= j; i++) {
      weights[i]! += gamma * binomial * (i % 2 === 0 ? 1 : -1);
      binomial = (binomial * (j - i)) / (i + 1);
    }
  });
  return weights;
}

/** As many derivatives are needed for an Adams step; before, the steps are by Runge-Kutta. */
const STARTERS = 3;

/**
 * Solves by a multistep method of Adams with fixed steps, as torchdiffeq's `explicit_adams` and `implicit_adams` do: two steps
 * of its `rk4` first, then as high an order as there are past derivatives. For expensive fields that are smooth. Not differentiable.
 *
 * @throws {NonFiniteStateError} when the result is not finite
 * @throws {ValueError} for options out of range
 *
 * @example
 * ```ts
 * import { neg, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveAdams } from '@sparseflow/ode-solvers';
 *
 * const y0 = tensor([1, 2], { backend: createReferenceBackend() });
 * const { y1, stats } = await solveAdams((_t, y) => neg(y), y0, {}, { t0: 0, t1: 1, steps: 50, method: 'explicit' });
 * console.log(y1.dataSync(), stats.nfe); // exp(-1) y0 = [0.3679, 0.7358], 56 evaluations
 * ```
 */
export async function solveAdams<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: AdamsOptions,
): Promise<AdamsSolution<Y>> {
  const { t0, t1, steps, method = 'implicit', maxOrder = 5, rtol = 1e-3, atol = 1e-4, iterations = 4 } = options;
  const require = (holds: boolean, what: string, remedy: string): void => {
    if (!holds) throw new ValueError('solveAdams', what, remedy);
  };
  require(Number.isInteger(steps) && steps > 0, `steps is ${steps}`, 'give a positive integer');
  require(Number.isFinite(t1 - t0), `the interval from ${t0} to ${t1} is not finite`, 'give finite t0 and t1');
  require(maxOrder >= 4 && maxOrder <= 12 && Number.isInteger(maxOrder), `maxOrder is ${maxOrder}`, 'give 4 to 12');
  require(rtol >= 0 && atol > 0 && iterations >= 1, `rtol is ${rtol}, atol ${atol}`, 'give positive numbers');
  const layout = layoutOf(y0, 'y');
  const { leaves, names } = layout;
  if (leaves.length === 0) throw new ShapeError('solveAdams', 'the state holds no tensor', 'give a tensor or a tree');
  const length = Math.abs(t1 - t0) / steps;
  const stats = { accepted: 0, rejected: 0, nfe: 0, nfeBackward: 0, dtMin: length, dtMax: length, unconverged: 0 };
  const field: LeafField = (t, y) => {
    stats.nfe++;
    return layout.flatten(f(t, layout.unflatten(y), params), 'f');
  };
  const time = (n: number): number => (n === steps ? t1 : t0 + ((t1 - t0) * n) / steps);
  const combine = (parts: readonly Leaves[], weights: readonly number[]): Tensor[] =>
    leaves.map((_, j) => linearCombination(parts.map((part) => part[j]!), weights)); // prettier-ignore
  const finite = (parts: readonly ArrayLike<number>[]): boolean =>
    parts.every((part) => Array.prototype.every.call(part, Number.isFinite));

  let y: Leaves = scope(() => leaves.map(copy));
  /** Past derivatives, the latest first. */
  const past: Leaves[] = [];
  /** The change over a step, while its corrector runs. */
  let change: Leaves = [];
  try {
    for (let n = 0; n < steps; n++) {
      const [t, end] = [time(n), time(n + 1)];
      const dt = end - t;
      const state = y;
      past.unshift(scope(() => field(t, state).map(copy)));
      disposeTree(past.splice(maxOrder - 1));
      if (past.length < STARTERS) {
        y = scope(() => rungeKuttaStep(rk4, field, { t, dt, end }, state, { k1: past[0]!, complete: false }).y1);
      } else {
        change = scope(() => combine(past, adamsWeights(past.length, 'explicit').map((w) => dt * w))); // prettier-ignore
        if (method === 'implicit') await correct(end, dt, state);
        y = scope(() => combine([state, change], [1, 1]));
        disposeTree(change);
        change = [];
      }
      disposeTree(state);
      stats.accepted++;
    }
    const state = await Promise.all(y.map((leaf) => leaf.data()));
    if (!finite(state)) {
      const facts = { time: t1, stepSize: length, trialStep: length, errorRatio: undefined, maxSteps: steps };
      const work = { accepted: steps, rejected: 0, nfe: stats.nfe, progress: 1, maxRejects: Infinity };
      const initial = await Promise.all(leaves.map((leaf) => leaf.data()));
      const name = (part: number, index: number): string => `${names[part]}[${index}]`;
      throw new NonFiniteStateError(
        report('state', 'adams', { ...facts, ...work }, { measure: 'state', state, initial, sizes: state, name }),
      );
    }
  } catch (error) {
    disposeTree([y, change, past] as Tree);
    throw error;
  }
  disposeTree(past);
  return { y1: layout.unflatten(y), stats, dispose: () => disposeTree(y) };

  /** Functional iteration of the corrector, until the change over the step moves no more. */
  async function correct(end: number, dt: number, state: Leaves): Promise<void> {
    const [first, ...rest] = adamsWeights(past.length + 1, 'implicit').map((w) => dt * w);
    for (let i = 0; i < iterations; i++) {
      const before = change;
      const { next, ratio } = scope(() => {
        const slope = field(end, combine([state, before], [1, 1]));
        const corrected = combine([slope, ...past], [first!, ...rest]);
        const moved = corrected.map((leaf, j) => sub(leaf, before[j]!));
        return { next: corrected, ratio: scaledErrorNorm(moved, before, corrected, { rtol, atol }) };
      });
      change = next;
      disposeTree(before);
      const size = (await ratio.data())[0]!;
      ratio.dispose();
      if (size < 1) return;
    }
    stats.unconverged++;
    // torchdiffeq's answer: a lower order for the next steps.
    disposeTree(past.length > STARTERS ? past.splice(-1) : []);
  }
}
