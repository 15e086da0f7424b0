import {
  add,
  copy,
  disposeTree,
  flattenTree,
  mapTree,
  scope,
  ValueError,
  vjp,
  zerosLike,
  type Params,
  type Tree,
} from '@sparseflow/tensor';
import { dots, total } from '../adjoints/adjoint.ts';
import { callback, check, ensure, having, type Filled } from '../check.ts';
import { factsOf } from '../failure.ts';
import { stateLayout } from '../layout.ts';
import { areFinite, failureAt } from '../tensorFailure.ts';
import { run } from '../march/coroutine.ts';
import { pauses } from '../march/journey.ts';
import type { Ending, Stats, StepOptions } from '../options.ts';
import { countStep, noStats } from '../stats.ts';
import type { LeafField, Leaves } from '../rungeKutta.ts';
import type { Pair, Place, ReversibleMethod } from './method.ts';
import { reversibleHeun } from './reversibleHeun.ts';
import { rulesOf } from '../plan.ts';
import { SOLVE_RULES, type VectorField } from '../solve.ts';

const SHARED = ['t0', 't1', 'steps', 'onFailure', 'onStep'] as const;

export interface ReversibleOptions extends Pick<StepOptions, 'onFailure' | 'onStep'> {
  readonly t0: number;
  readonly t1: number;
  /** Equal steps. */
  readonly steps: number;
  /** Default `reversibleHeun`. */
  readonly method?: ReversibleMethod | undefined;
  readonly signal?: AbortSignal | undefined;
}

const RULES = rulesOf(SHARED, {
  signal: SOLVE_RULES.signal,
  method: having('back', 'a method such as reversibleHeun, not its name', reversibleHeun),
});

export interface ReversibleSolve<Y extends Tree, P extends Tree> extends Ending {
  readonly y1: Y;
  readonly stats: Stats;
  /**
   * Maps the cotangent of `y1` to gradients, which are the caller's to dispose. Those in the times are of the problem, up to the
   * method's error: moving `t1` moves the end along the field, moving `t0` the start against it.
   */
  pullback(cotangent: Y): Promise<{ readonly y0: Y; readonly params: P; readonly t0: number; readonly t1: number }>;
  /** Frees `y1` and what the pullback needs. */
  dispose(): void;
}

/**
 * Solves by a reversible method, whose gradient is exact and needs no memory for the steps: the backward pass undoes them one by
 * one and differentiates each. Where the field contracts, an error of what makes the steps reversible grows as fast as the state decays,
 * forwards as in undoing: an interval over which it contracts strongly is better solved in pieces, each from the end of the one before.
 *
 * @throws {NonFiniteStateError} when a state is not finite, unless `onFailure` is `return`
 * @throws {ValueError} when `steps` is not a positive integer
 *
 * @example
 * ```ts
 * import { mul, neg, onesLike, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveReversible } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([1, 2], { backend });
 * const params = { rate: tensor(0.5, { backend }) };
 * const run = await solveReversible((_t, y, p) => neg(mul(p.rate, y)), y0, params, { t0: 0, t1: 2, steps: 100 });
 * const gradient = await run.pullback(onesLike(y0));
 * console.log(gradient.params.rate.dataSync(), gradient.t1); // -2 · 3 exp(-1), -0.5 · 3 exp(-1)
 * run.dispose();
 * ```
 */
export async function solveReversible<Y extends Tree, P extends Tree = Params>(
  f: VectorField<Y, P>,
  y0: Y,
  params: P,
  options: ReversibleOptions,
): Promise<ReversibleSolve<Y, P>> {
  const refuse = (what: string, remedy: string): Error => new ValueError('solveReversible', what, remedy);
  ensure('f', f, callback, refuse);
  const { t0, t1, steps, method, onFailure, onStep, signal } = check<Filled<ReversibleOptions, 'method' | 'onFailure'>>(
    options,
    RULES,
    refuse,
  );
  if (!(Number.isInteger(steps) && Number.isFinite(t1 - t0)))
    throw refuse(
      `${steps} steps from ${t0} to ${t1} cannot be taken`,
      'give steps, a positive integer, and finite t0 and t1',
    );
  const layout = stateLayout(y0, 'solveReversible');
  const { leaves } = layout;
  const stats = noStats();
  let backward = false;
  const field =
    (p: P): LeafField =>
    (t, y) => {
      if (backward) stats.nfeBackward++;
      else stats.nfe++;
      return layout.flatten(f(t, layout.unflatten(y), p), 'f');
    };
  const time = (n: number): number => (n === steps ? t1 : t0 + ((t1 - t0) * n) / steps);
  const place = (n: number): Place => ({ t: time(n), end: time(n + 1), dt: time(n + 1) - time(n) });

  const own = ({ y, z }: Pair): Pair => ({ y: y.map(copy), z: z.map(copy) });
  const start = (): Pair => scope(() => own({ y: leaves, z: method.start(field(params), t0, leaves) }));
  const free = ({ y, z }: Pair): void => disposeTree([y, z]);
  const pause = signal && pauses(signal);
  let end = start();
  let failure: Error | undefined;
  /** Takes the steps, or with `look` those whose ends are finite, and says how many. */
  const march = async (look: boolean): Promise<number> => {
    for (let n = 0; n < steps; n++) {
      if (pause) await run(pause());
      const [before, { t, dt }] = [end, place(n)];
      const next = scope(() => own(method.step(field(params), place(n), before)));
      if (look && !(await areFinite(next.y))) {
        const facts = factsOf({ t0, t1, maxSteps: steps }, { ...stats, accepted: n }, { time: t, stepSize: dt });
        failure = await failureAt('state', method.name, layout, before.y, next.y, facts).finally(() => free(next));
        return n;
      }
      free(before);
      end = next;
      if (look) continue;
      countStep(stats, dt);
      onStep?.({ t, dt, accepted: true, errorRatio: undefined, nfe: stats.nfe });
    }
    return steps;
  };
  try {
    await march(false);
    if (!(await areFinite(end.y))) {
      free(end);
      end = start();
      stats.accepted = await march(true);
    }
    if (failure && onFailure === 'throw') throw failure;
  } catch (error) {
    free(end);
    throw error;
  }
  const { accepted } = stats;
  const reached = time(accepted);

  return {
    y1: layout.unflatten(end.y),
    t1: reached,
    status: failure ? 'failed' : 'done',
    failure,
    stats,
    async pullback(cotangent) {
      backward = true;
      const result = scope(() => {
        let pair = end;
        let ct: Pair = { y: layout.flatten(cotangent, 'cotangent'), z: end.z.map(zerosLike) };
        let gradient: Tree = mapTree(params, zerosLike);
        const plus = (a: Tree, b: Tree): Tree => {
          const other = flattenTree(b);
          return mapTree(a, (leaf, i) => (leaf.dtype === 'int32' ? leaf : add(leaf, other[i]!)));
        };
        for (let n = accepted - 1; n >= 0; n--) {
          const [now, incoming, sum] = [pair, ct, gradient];
          const done = scope(() => {
            const before = method.back(field(params), place(n), now);
            const back = vjp(
              (x: { y: Leaves; z: Leaves; params: P }): readonly Leaves[] => {
                const next = method.step(field(x.params), place(n), x);
                return [next.y, next.z];
              },
              { y: before.y, z: before.z, params },
            ).pullback([incoming.y, incoming.z]);
            return { pair: before, ct: { y: back.y, z: back.z }, gradient: plus(sum, back.params) };
          });
          if (now !== end) disposeTree([now.y, now.z, incoming.y, incoming.z]);
          disposeTree(sum);
          ({ pair, ct, gradient } = done);
        }
        const back = vjp((x: { y: Leaves; params: P }): Leaves => method.start(field(x.params), t0, x.y), {
          y: leaves,
          params,
        }).pullback(ct.z);
        const start = ct.y.map((leaf, j) => add(leaf, back.y[j]!));
        return {
          y0: start,
          params: plus(gradient, back.params),
          t0: dots(start, field(params)(t0, leaves)),
          t1: dots(layout.flatten(cotangent, 'cotangent'), field(params)(reached, end.y)),
        };
      });
      const { y0: start, params: byParams } = result;
      const [atStart, atEnd] = await Promise.all([total(result.t0), total(result.t1)]);
      return { y0: layout.unflatten(start), params: byParams as P, t0: 0 - atStart, t1: atEnd };
    },
    dispose: () => free(end),
  };
}
