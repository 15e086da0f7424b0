import {
  add,
  copy,
  disposeTree,
  flattenTree,
  mapTree,
  neg,
  scope,
  ValueError,
  zerosLike,
  type Tensor,
} from '@sparseflow/tensor';
import { above, check, fromZero, oneOf, type Filled } from '../check.ts';
import type { Plan } from '../plan.ts';
import { stepAt } from '../dense.ts';
import { denseState, type LeafField, type Leaves } from '../rungeKutta.ts';
import { integrate } from '../solve.ts';
import type { Tolerance } from '../tolerances.ts';
import { dots, total, type Adjoint, type AdjointContext, type Cotangents, type Pulled } from './adjoint.ts';

export interface BacksolveOptions {
  /**
   * Leave the parameters' gradient out of the error norm (Kidger, Chen & Lyons 2021): fewer steps, as nothing depends on it.
   * Default true.
   */
  readonly seminorm?: boolean | undefined;
  /**
   * Tolerances of the backward solve; those of the forward solve by default. Where these differ by component, the state keeps its own
   * and the numbers given here are for the adjoint and the gradient.
   */
  readonly rtol?: number | undefined;
  readonly atol?: number | undefined;
}

/**
 * The adjoint method (Chen et al. 2018): the state y, its adjoint λ = ∂L/∂y with dλ/dt = -λᵀ ∂f/∂y, and the gradient in the
 * parameters, d/dt = -λᵀ ∂f/∂θ, are solved backwards in time. Between two output times the solve starts anew from the forward
 * solution, as in torchdiffeq. Memory does not grow with the number of steps, but the gradient is that of the continuous
 * problem, off by the tolerance, and where the field contracts its backward solve is unstable: then prefer `checkpoint`.
 */
export function backsolve(options: BacksolveOptions = {}): Adjoint {
  return continuous('backsolve', 'outputs', options);
}

/**
 * The adjoint method with the state read from the dense output of the forward solve, instead of solved for again: stable also
 * where the field contracts. Memory: the stages of every step. The gradient is that of the continuous problem, off by the
 * tolerance and by the dense output's error.
 */
export function interpolated(options: BacksolveOptions = {}): Adjoint {
  return continuous('interpolated', 'dense', options);
}

const RULES = { seminorm: oneOf(true, false), rtol: fromZero(), atol: above(0) };

function continuous(name: string, keeps: 'outputs' | 'dense', options: BacksolveOptions): Adjoint {
  const refuse = (what: string, remedy: string): Error => new ValueError(name, what, remedy);
  const { seminorm, rtol, atol } = check<Filled<BacksolveOptions, 'seminorm'>>(options, RULES, refuse);
  return {
    name,
    keeps,
    async pullback(context, cotangents) {
      const { tolerances } = context;
      const plan = {
        ...context.plan,
        rtol: rtol ?? common(name, 'rtol', tolerances?.rtol ?? [context.plan.rtol]),
        atol: atol ?? common(name, 'atol', tolerances?.atol ?? [context.plan.atol]),
      };
      const state: Running = { lambda: undefined, gradient: undefined, nfe: 0 };
      const scalars: Tensor[][] = [];
      try {
        return await sweep({ ...context, plan }, cotangents, seminorm, state, scalars);
      } catch (error) {
        disposeTree([state.lambda ?? [], state.gradient ?? [], scalars]);
        throw error;
      }
    },
  };
}

/** The one number that all tolerances are. */
function common(adjoint: string, tolerance: string, all: readonly Tolerance[]): number {
  const [first] = all;
  if (typeof first === 'number' && all.every((other) => other === first)) return first;
  const remedy = `give one number for the adjoint, such as ${adjoint}({ ${tolerance}: 1e-6 }), or use checkpoint()`;
  throw new ValueError(
    adjoint,
    `${tolerance} differs by component, and an adjoint has other units than the state`,
    remedy,
  );
}

/** What moves backwards; all of it is ours to dispose. */
interface Running {
  lambda: Leaves | undefined;
  gradient: Leaves | undefined;
  nfe: number;
}

async function sweep(
  context: AdjointContext,
  cotangents: Cotangents,
  seminorm: boolean,
  state: Running,
  scalars: Tensor[][],
): Promise<Pulled> {
  const { y0, params, plan, outputs, timed } = context;
  plan.times.forEach(() => scalars.push([]));
  for (let i = plan.times.length - 1; i >= 0; i--) {
    const [time, y] = [plan.times[i]!, outputs[i]!];
    const cotangent = cotangents[i];
    if (cotangent) {
      // Moving the time of an output moves the output along the field.
      if (timed) scalars[i] = scope(() => dots(cotangent, evaluate(context, state, time, y)));
      replaceLambda(state, (lambda) => (lambda ? lambda.map((x, j) => add(x, cotangent[j]!)) : cotangent.map(copy)));
    }
    const before = i === 0 ? plan.t0 : plan.times[i - 1]!;
    if (state.lambda && before !== time) await stretchBack(context, seminorm, state, y, time, before);
  }
  const t0 = timed && state.lambda ? scope(() => dots(state.lambda!, evaluate(context, state, plan.t0, y0))) : [];
  scalars.push(t0);
  const times = await Promise.all(scalars.slice(0, -1).map(total));
  const gradient = state.gradient;
  return {
    y0: state.lambda ?? scope(() => y0.map(zerosLike)),
    params: scope(() => mapTree(params, (leaf, i) => gradient?.[i] ?? zerosLike(leaf))),
    t0: 0 - (await total(t0)),
    times,
    nfe: state.nfe,
  };
}

/** Solves the augmented problem from one output time back to the one before. */
async function stretchBack(
  { pullBack, stepBack, y0, params, plan, groups, tolerances, names, segments, grid }: AdjointContext,
  seminorm: boolean,
  state: Running,
  y: Leaves,
  from: number,
  to: number,
): Promise<void> {
  const n = y0.length;
  const leaves = flattenTree(params);
  state.gradient ??= scope(() => leaves.map(zerosLike));
  // Where the state is known, it is not part of the problem.
  const known = segments.length > 0;
  const m = known ? 0 : n;
  const stateAt = (t: number): Leaves => {
    const place = stepAt(grid, plan.t1, t) ?? (t - plan.t1) * plan.direction > 0;
    const { n: step, theta } =
      typeof place === 'object' ? place : { n: place ? grid.length - 1 : 0, theta: place ? 1 : 0 };
    return denseState(plan.solver, segments[step]!.y, segments[step]!.ks, grid[step]!.dt, theta);
  };
  const augmented: LeafField = (t, both) => {
    const at = known ? stateAt(t) : both.slice(0, n);
    const back = pullBack(t, at, params, both.slice(m).map(neg));
    return [...(known ? [] : back.value), ...back.y, ...back.params];
  };
  const names0 = known ? [] : names;
  const problem = {
    field: augmented,
    y0: [...(known ? [] : y), ...state.lambda!, ...state.gradient],
    names: [...names0, ...names.map((name) => `adjoint of ${name}`), ...leaves.map((_, i) => `gradient ${i}`)],
    read: m + n,
    groups: [
      ...(known ? [] : groups),
      ...groups.map((group) => group.map((i) => i + m)),
      ...(seminorm ? [] : leaves.flatMap((leaf, i) => (leaf.size > 0 ? [[m + n + i]] : []))),
    ],
    retain: false,
    // Those of the leaves after the state are the plan's numbers.
    tolerances: known ? undefined : tolerances,
    // It gives no error of the gradient.
    step: known || !seminorm ? undefined : stepBack,
  };
  const { stepper } = await integrate(problem, planBack(plan, from, to, known));
  const end = stepper.outputs[0]!;
  disposeTree([...end.slice(0, m), ...state.lambda!, ...state.gradient]);
  state.lambda = end.slice(m, m + n);
  state.gradient = end.slice(m + n);
  state.nfe += stepper.nfe;
}

/** The plan of the forward solve, turned round on a part of the interval. */
function planBack(plan: Plan, from: number, to: number, known: boolean): Plan {
  const inside = (times: readonly number[]): number[] =>
    [...times].reverse().filter((time) => (from - time) * plan.direction > 0 && (time - to) * plan.direction > 0);
  return {
    ...plan,
    events: [],
    dense: false,
    keep: false,
    firstErrors: [],
    everyStep: false,
    onFailure: 'throw',
    t0: from,
    t1: to,
    direction: plan.direction === 1 ? -1 : 1,
    times: [to],
    grid: plan.grid && [from, ...inside(plan.grid), to],
    // The dense output does not reach beyond the ends.
    stops: plan.stops.length > 0 || known ? [...inside(plan.stops), to] : [],
    onStep: undefined,
  };
}

function evaluate({ evaluate: field, params }: AdjointContext, state: Running, t: number, y: Leaves): Leaves {
  state.nfe++;
  return field(t, y, params);
}

function replaceLambda(state: Running, next: (lambda: Leaves | undefined) => Leaves): void {
  const old = state.lambda;
  state.lambda = scope(() => next(old));
  if (old) disposeTree(old);
}
