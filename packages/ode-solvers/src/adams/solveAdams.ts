import { disposeTree, ValueError, type Params, type Tensor, type Tree } from '@sparseflow/tensor';
import { oneTime, replayedPullback, type Replayable } from '../adjoints/replayed.ts';
import { above, callback, check, ensure, oneOf, type Filled } from '../check.ts';
import { factsOf } from '../failure.ts';
import { stateLayout } from '../layout.ts';
import type { Ending, Stats } from '../options.ts';
import { pauses } from '../march/journey.ts';
import { makePlan, OWN_STEPS, rulesOf } from '../plan.ts';
import type { LeafField, Leaves } from '../rungeKutta.ts';
import { SOLVE_RULES, type SolveOptions, type VectorField } from '../solve.ts';
import { countStep, noStats } from '../stats.ts';
import { areFinite, failureAt } from '../tensorFailure.ts';
import { scaledNorm, tolerancesOf, type Tolerances } from '../tolerances.ts';
import { fixedAdams } from './fixed.ts';
import { replayAdams, type AdamsStep } from './step.ts';
import { variableAdams } from './variable.ts';

const SHARED = [...OWN_STEPS, 'saveAt', 'steps', 'onFailure', 'onStep'] as const;

export interface AdamsOptions extends Pick<SolveOptions, (typeof SHARED)[number] | 'signal'> {
  /** With `steps`. `explicit`: Adams-Bashforth, one evaluation a step. `implicit` (default): corrected by Adams-Moulton. */
  readonly method?: 'explicit' | 'implicit' | undefined;
  /**
   * The largest order. With adaptive steps 1 to 12, default 12. With `steps` 4 to 12, default 5: the higher it is, the shorter steps must be to
   * be stable. torchdiffeq's 12 gives nonsense where f' dt is above 1e-3 or so, and no error tells.
   */
  readonly maxOrder?: number | undefined;
  /**
   * Adaptive steps: the tolerances, as those of `solve`. With `steps`: where the corrector's iteration ends, changes of this size, relative and
   * absolute; defaults 1e-3 and 1e-4, torchdiffeq's.
   */
  readonly rtol?: Tolerances | undefined;
  readonly atol?: Tolerances | undefined;
  /** With `steps`: limit on the corrector's iterations, default 4. */
  readonly iterations?: number | undefined;
}

export interface AdamsSolution<Y extends Tree, P extends Tree = Params> extends Replayable<Y, P>, Ending {
  readonly y1: Y;
  /** The states at the times of `saveAt` that were reached. */
  readonly ys: readonly Y[];
  readonly stats: Stats & {
    /** Fixed steps whose corrector did not converge: take shorter ones. */
    readonly unconverged: number;
  };
  /** The order of each accepted step's predictor; the corrector's is one more. 0 is a step by Runge-Kutta. */
  readonly orders: readonly number[];
  dispose(): void;
}

const RULES = rulesOf(SHARED, {
  method: oneOf('implicit', 'explicit'),
  maxOrder: [(x) => Number.isInteger(x) && x >= 1 && x <= 12, 'an integer from 1 to 12'],
  iterations: above(0, 4),
  signal: SOLVE_RULES.signal,
});

/**
 * Solves by multistep methods of Adams: for fields that are smooth and expensive, as a step takes two evaluations whatever its order.
 * Steps and order follow the error estimate, or with `steps` are torchdiffeq's fixed ones.
 *
 * @throws {NonFiniteStateError | NonFiniteDerivativeError} where NaN or Infinity turn up
 * @throws {StepSizeUnderflowError | MaxStepsError} when adaptive steps do not reach the end
 * @throws {ValueError} for options out of range
 * @throws {ShapeError | DTypeError} when `f` returns another structure, shape or dtype than the state's
 *
 * @example
 * ```ts
 * import { neg, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveAdams } from '@sparseflow/ode-solvers';
 *
 * const y0 = tensor([1, 2], { backend: createReferenceBackend() });
 * const { y1, stats } = await solveAdams((_t, y) => neg(y), y0, {}, { t0: 0, t1: 1, rtol: 1e-6, atol: 1e-8 });
 * console.log(y1.dataSync(), stats.nfe); // exp(-1) y0 = [0.3679, 0.7358]
 * ```
 */
export async function solveAdams<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: AdamsOptions,
): Promise<AdamsSolution<Y, P>> {
  const refuse = (what: string, remedy: string): Error => new ValueError('solveAdams', what, remedy);
  ensure('f', f, callback, refuse);
  const {
    method,
    iterations,
    maxOrder: most,
    ...shared
  } = check<Filled<AdamsOptions, 'method' | 'iterations' | 'saveAt'>>(options, RULES, refuse);
  const { steps, saveAt } = shared;
  const converged = steps === undefined ? {} : { rtol: options.rtol ?? 1e-3, atol: options.atol ?? 1e-4 };
  const plan = makePlan({ ...shared, ...converged }, refuse, SOLVE_RULES);
  const maxOrder = most ?? (steps === undefined ? 12 : 5);
  if (steps !== undefined && maxOrder < 4) throw refuse(`maxOrder is ${maxOrder}`, 'give 4 to 12 with fixed steps');
  if (steps !== undefined && saveAt.length > 0) throw refuse('steps and saveAt are both given', 'give one of them');
  const layout = stateLayout(y0, 'solveAdams');
  const tolerances = await tolerancesOf(layout, plan, refuse);
  const all = [...layout.leaves.keys()];
  const norm = (x: Leaves, a: Leaves, b: Leaves): Tensor => scaledNorm(all, (j) => x[j]!, a, b, { plan, tolerances });
  const stats = { ...noStats(), unconverged: 0 };
  const fieldOf = (p: P, work: 'nfe' | 'nfeBackward'): LeafField => {
    return (t, y) => {
      stats[work]++;
      return layout.flatten(f(t, layout.unflatten(y), p), 'f');
    };
  };
  const taken: AdamsStep[] = [];
  const field = fieldOf(params, 'nfe');
  const { t0, t1, maxSteps, onStep } = plan;
  const pause = plan.signal && pauses(plan.signal);
  const tried = (step: AdamsStep, accepted: boolean, errorRatio?: number): void => {
    if (accepted) {
      taken.push(step);
      countStep(stats, step.dt);
    } else stats.rejected++;
    onStep?.({ t: step.t, dt: step.dt, accepted, errorRatio, nfe: stats.nfe });
  };
  let [y1, ys, reached, failure]: [Leaves, readonly Leaves[], number, Error | undefined] = [[], [], t1, undefined];
  if (steps !== undefined) {
    const accepted = (step: AdamsStep, converged: boolean): void => {
      if (!converged) stats.unconverged++;
      tried(step, true);
    };
    const fixed = { t0, t1, steps: t0 === t1 ? 0 : steps, method, maxOrder, iterations, norm, pause };
    y1 = await fixedAdams(field, layout.leaves, { ...fixed, accepted, broken: undefined });
    if (!(await areFinite(y1))) {
      // All steps again, with a look at each.
      disposeTree(y1);
      taken.length = stats.accepted = stats.unconverged = 0;
      y1 = await fixedAdams(field, layout.leaves, {
        ...fixed,
        accepted(step, converged) {
          taken.push(step);
          stats.accepted++;
          if (!converged) stats.unconverged++;
        },
        async broken(y, next, { t, dt }) {
          reached = t;
          failure = await failureAt('state', 'adams', layout, y, next, factsOf(plan, stats, { time: t, stepSize: dt }));
        },
      });
      failure ??= await failureAt('state', 'adams', layout, y1, [], factsOf(plan, stats, { time: t1, stepSize: 0 }));
    }
  } else {
    const { firstStep, maxStep, direction } = plan;
    const saveTimes = plan.times.slice(0, -1);
    const variable = {
      t0,
      t1,
      direction,
      saveAt: saveTimes,
      norm,
      maxOrder,
      firstStep,
      maxStep,
      maxSteps,
      pause,
    };
    ({ y1, ys, reached, failure } = await variableAdams(field, layout.leaves, {
      ...variable,
      tried,
      fail: (kind, { state, broken, ...at }) =>
        failureAt(kind, 'adams', layout, state, broken, factsOf(plan, stats, at)),
    }));
  }
  if (failure && plan.onFailure === 'throw') {
    disposeTree([y1, ys] as Tree);
    throw failure;
  }
  const replay = (y: Y, p: P): Y =>
    layout.unflatten(replayAdams(fieldOf(p, 'nfeBackward'), layout.flatten(y, 'y0'), taken));
  const ends = { layout, t0, t1: reached, field: fieldOf(params, 'nfeBackward'), ...oneTime };
  return {
    y1: layout.unflatten(y1),
    t1: reached,
    status: failure ? 'failed' : 'done',
    failure,
    ys: ys.map((leaves) => layout.unflatten(leaves)),
    stats,
    orders: taken.map(({ nodes }) => nodes.length),
    replay,
    pullback: replayedPullback(replay, y0, params, ends),
    dispose: () => disposeTree([y1, ys] as Tree),
  };
}
