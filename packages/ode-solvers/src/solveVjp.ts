import { copy, disposeTree, scope, ShapeError, Tensor, vjp, type Params, type Tree } from '@sparseflow/tensor';
import { anAdjoint, type Adjoint, type AdjointContext, type Cotangents, type Pulled } from './adjoints/adjoint.ts';
import { checkpoint } from './adjoints/checkpoint.ts';
import { flag } from './check.ts';
import { leafStep, type AdjointState, type LeafStep, type Moved } from './fieldStep.ts';
import { layoutOf, type Layout } from './layout.ts';
import type { Leaves } from './rungeKutta.ts';
import { pullBackEvent, type PulledEvent } from './adjoints/event.ts';
import {
  integrate,
  pose,
  solutionOf,
  type FieldVjp,
  type Solution,
  type SolveOptions,
  type VectorField,
} from './solve.ts';

/** Cotangents of a solution's parts; what is left out is zero. */
export interface SolutionCotangent<Y extends Tree> {
  readonly y1?: Y | undefined;
  /** In the order of `saveAt`. */
  readonly ys?: readonly (Y | undefined)[] | undefined;
  /** Of the time of the terminal event that ended the solve. */
  readonly t1?: number | undefined;
  /** Of the times of the events that fired, in the order of `solution.events`. */
  readonly events?: readonly (number | undefined)[] | undefined;
}

/** The gradient of a scalar that was computed from a solution. */
export interface SolutionGradient<Y extends Tree, P extends Tree> {
  readonly y0: Y;
  readonly params: P;
  /** NaN where gradients in the times are not asked for, as those below. */
  readonly t0: number;
  readonly t1: number;
  /** In the times of `saveAt`. */
  readonly ts: readonly number[];
}

export interface SolveVjpOptions extends SolveOptions {
  /** How to differentiate. Default `checkpoint()`. */
  readonly adjoint?: Adjoint | undefined;
  /** Also the gradients in t0, t1 and the times of `saveAt`, for which the field is evaluated once more at each. Default true. */
  readonly timeGradients?: boolean | undefined;
}

export interface SolveVjp<Y extends Tree, P extends Tree> {
  readonly solution: Solution<Y>;
  /**
   * Maps the cotangent of `y1`, or of several parts of the solution, to gradients, which are the caller's to dispose. Can be called more than
   * once. `y0` and `params` must not have been disposed. Its evaluations are added to `solution.stats.nfeBackward`.
   * @throws {ShapeError | DTypeError} when the cotangent does not have the solution's structure
   *
   * @example
   * ```ts
   * import { mul, neg, sub, tensor, type Tensor } from '@sparseflow/tensor';
   * import { createReferenceBackend } from '@sparseflow/tensor/reference';
   * import { solveVjp, type SolveEvent } from '@sparseflow/ode-solvers';
   *
   * const backend = createReferenceBackend();
   * const params = { rate: tensor(0.5, { backend }) };
   * const half: SolveEvent<Tensor> = { value: (_t, y) => sub(y, 0.5), terminal: false };
   * const options = { t0: 0, t1: 2, events: [half as SolveEvent] };
   * const run = await solveVjp((_t, y: Tensor, p) => neg(mul(p.rate, y)), tensor(1, { backend }), params, options);
   * const { y0, params: byParams } = await run.pullback({ events: [1] }); // of the event's time, log(2 y0) / rate
   * console.log(run.solution.events[0]!.t, y0.dataSync(), byParams.rate.dataSync()); // 1.3863, [2], [-2.7726]
   * run.dispose();
   * ```
   */
  pullback(cotangent: Y | SolutionCotangent<Y>): Promise<SolutionGradient<Y, P>>;
  /** Frees what the pullback needs; the solution stays. */
  dispose(): void;
}

/**
 * Solves like `solve`, and differentiates the solution in the initial state, the parameters and the times. How is the `adjoint`'s
 * business; the default, `checkpoint()`, is exact for the steps that were taken. A parameter that the field does not use gets
 * zeros.
 *
 * @throws what `solve` throws
 *
 * @example
 * ```ts
 * import { mul, neg, onesLike, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveVjp } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([1, 2], { backend });
 * const params = { rate: tensor(0.5, { backend }) };
 * const run = await solveVjp((_t, y, p) => neg(mul(p.rate, y)), y0, params, { t0: 0, t1: 2 });
 * const gradient = await run.pullback(onesLike(run.solution.y1)); // of the sum of y1
 * console.log(gradient.params.rate.dataSync(), gradient.t1); // -2 · 3 exp(-1) = [-2.2073], -0.5 · 3 exp(-1) = -0.5518
 * run.dispose();
 * ```
 */
export async function solveVjp<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: SolveVjpOptions,
): Promise<SolveVjp<Y, P>> {
  const { adjoint = checkpoint(), timeGradients: timed = true } = { ...options };
  const {
    layout,
    plan: asked,
    problem,
    evaluate,
  } = await pose(
    f,
    y0,
    params,
    adjoint?.keeps === 'dense' ? { ...options, dense: true } : options,
    adjoint?.keeps === 'states',
    { adjoint: anAdjoint, timeGradients: flag },
  );
  const done = await integrate(problem, asked);
  const { stepper, grid, plan } = done;
  // Copies, so that the solution can be disposed before the pullback.
  const outputs =
    adjoint.keeps === 'outputs' || adjoint.keeps === 'dense'
      ? scope(() => stepper.outputs.map((leaves) => leaves.map(copy)))
      : [];
  const segments =
    adjoint.keeps === 'dense'
      ? scope(() => stepper.segments.map(({ y, ks }) => ({ y: y.map(copy), ks: ks.map((k) => k.map(copy)) })))
      : [];
  // Events: their times depend on the initial state and the parameters.
  const marks = scope(() => stepper.marks.map((leaves) => leaves.map(copy)));
  const events = done.events.map(({ event, t }, i) => ({
    t,
    y: marks[i]!,
    value: (time: number, y: readonly Tensor[], p: Tree) => options.events![event]!.value(time, layout.unflatten(y), p),
  }));
  /** The place of the terminal event that ended the solve. */
  const ending = done.status === 'event' ? events.length - 1 : -1;
  const context = {
    evaluate: evaluate as (t: number, y: readonly Tensor[], p: Tree) => readonly Tensor[],
    pullBack: pullBackOf(f as unknown as VectorField<Y, Tree>, layout),
    stepBack: stepBackOf(f, layout, params),
    y0: problem.y0,
    params,
    plan,
    groups: problem.groups,
    tolerances: problem.tolerances,
    names: problem.names,
    grid,
    states: stepper.states,
    outputs,
    segments,
    timed,
  };
  const time = (gradient: number): number => (timed ? gradient : NaN);
  return {
    solution: solutionOf(layout, done),
    async pullback(cotangent) {
      const parts: SolutionCotangent<Y> = isParts(layout, cotangent) ? cotangent : { y1: cotangent };
      const given = cotangentsOf(layout, parts, plan.times.length);
      const ofTimes = cotangentsOfEvents(parts, events.length, ending);
      const end = plan.times.length - 1;
      // What the adjoint is to pull back: the outputs, and the states at the events whose times matter.
      const points = plan.times.map((t, i) => ({ t, saved: i, y: outputs[i]!, cotangent: given[i] }));
      const through: PulledEvent[] = [];
      let pulled: Pulled;
      try {
        for (const [i, event] of events.entries()) {
          if (i !== ending && ofTimes[i] === 0) continue;
          const back = await pullBackEvent(event, context, ofTimes[i]!, i === ending ? given[end] : undefined);
          through.push(back);
          if (i === ending) points[end]!.cotangent = back.byY;
          else points.push({ ...event, saved: -1, cotangent: back.byY });
        }
        points.sort((a, b) => (a.t - b.t) * plan.direction || Number(a.saved === end) - Number(b.saved === end));
        const asked = { ...plan, times: points.map(({ t }) => t) };
        const cotangents = points.map((point) => point.cotangent);
        pulled = await adjoint.pullback({ ...context, plan: asked, outputs: points.map(({ y }) => y) }, cotangents);
        for (const { addTo } of through) pulled.params = addTo(pulled.params);
      } finally {
        for (const { dispose } of through) dispose();
      }
      done.stats.nfeBackward += pulled.nfe + through.length;
      const times = plan.times.map((_, i) => time(pulled.times[points.findIndex(({ saved }) => saved === i)]!));
      return {
        y0: layout.unflatten(pulled.y0),
        params: pulled.params as P,
        t0: time(pulled.t0),
        // Where an event ends the solve, `t1` has no part in it.
        t1: ending < 0 ? times[end]! : time(0),
        ts: times.slice(0, -1),
      };
    },
    dispose: () => disposeTree([stepper.states.slice(1), outputs, marks, segments]),
  };
}

/** The field's own way to value and vector-Jacobian product, or differentiation. */
function pullBackOf<Y extends Tree>(f: VectorField<Y, Tree>, layout: Layout<Y>): AdjointContext['pullBack'] {
  return (t, leaves, params, cotangent) => {
    const [y, ct] = [layout.unflatten(leaves), layout.unflatten(cotangent)];
    const { value, ...back } = f.vjp ? f.vjp(t, y, params, ct) : differentiate(f, t, y, params, ct);
    return {
      value: layout.flatten(value, 'f'),
      y: layout.flatten(back.y, 'the cotangent of y'),
      // In the order of the parameters.
      params: layoutOf(params, 'params').flatten(back.params, 'the cotangent of params'),
    };
  };
}

/** The field's own way to take a step of the adjoint problem, on leaves: the state's, its cotangent's, the parameters'. */
function stepBackOf<Y extends Tree, P extends Tree>(
  f: VectorField<Y, P>,
  state: Layout<Y>,
  params: P,
): LeafStep | undefined {
  const take = f.adjointStep;
  if (!take) return undefined;
  const gradient = layoutOf(params, 'params');
  const n = state.leaves.length;
  const unpack = (leaves: Leaves): AdjointState<Y, P> => ({
    y: state.unflatten(leaves.slice(0, n)),
    cotangent: state.unflatten(leaves.slice(n, 2 * n)),
    params: gradient.unflatten(leaves.slice(2 * n)),
  });
  const pack = ({ y, cotangent }: Moved<Y, P>, rest: readonly Tensor[] = []): Tensor[] => [
    ...state.flatten(y, 'y'),
    ...state.flatten(cotangent, 'the cotangent of y'),
    ...rest,
  ];
  const ofParams = (tree: P): Tensor[] => gradient.flatten(tree, 'the cotangent of params');
  return leafStep((step, leaves, slope) => {
    const whole = take(step, unpack(leaves), unpack(slope), params);
    if (!whole) return undefined;
    const { y1, output, error } = whole;
    const sums = ofParams(whole.params);
    return {
      y1: pack(y1, output ? [] : sums),
      slope: pack(whole.slope, ofParams(whole.slope.params)),
      error: pack(error),
      output: output && pack(output, sums),
    };
  });
}

function differentiate<Y extends Tree>(
  f: VectorField<Y, Tree>,
  t: number,
  y: Y,
  params: Tree,
  cotangent: Y,
): FieldVjp<Y, Tree> {
  const { value, pullback } = vjp((x: { y: Y; params: Tree }) => f(t, x.y, x.params), { y, params });
  return { value, ...pullback(cotangent) };
}

/** The cotangents of all outputs. */
function cotangentsOf<Y extends Tree>(
  layout: Layout<Y>,
  { y1, ys = [] }: SolutionCotangent<Y>,
  count: number,
): Cotangents {
  if (ys.length > count - 1) {
    throw new ShapeError(
      'pullback',
      `${ys.length} cotangents for ${count - 1} saved states`,
      'give one for each time of saveAt',
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const tree = i === count - 1 ? y1 : ys[i];
    return tree === undefined ? undefined : layout.flatten(tree, 'cotangent');
  });
}

/** The cotangents of the events' times; `t1` is that of the one that ended the solve. */
function cotangentsOfEvents<Y extends Tree>(
  { t1 = 0, events = [] }: SolutionCotangent<Y>,
  count: number,
  ending: number,
): number[] {
  if (events.length > count) {
    const remedy = 'give one for each of solution.events';
    throw new ShapeError('pullback', `${events.length} cotangents for ${count} events that fired`, remedy);
  }
  return Array.from({ length: count }, (_, i) => (events[i] ?? 0) + (i === ending ? t1 : 0));
}

const PARTS = ['y1', 'ys', 't1', 'events'];

/** A record of these is a cotangent by parts, unless the state itself is a record with such keys. */
function isParts<Y extends Tree>(
  layout: Layout<Y>,
  cotangent: Y | SolutionCotangent<Y>,
): cotangent is SolutionCotangent<Y> {
  const own = (keys: readonly string[]): boolean => keys.every((key) => PARTS.includes(key));
  if (cotangent instanceof Tensor || Array.isArray(cotangent)) return false;
  return own(Object.keys(cotangent)) && !own(layout.names.map((name) => name.split('.')[1] ?? ''));
}
