import { copy, disposeTree, scope, sub, type Tensor } from '@sparseflow/tensor';
import { run, type March } from '../march/coroutine.ts';
import { rungeKuttaStep, type LeafField, type Leaves } from '../rungeKutta.ts';
import { rk4 } from '../solvers/rk4.ts';
import { areFinite } from '../tensorFailure.ts';
import { correct, predict, type AdamsStep } from './step.ts';

export interface FixedPlan {
  readonly t0: number;
  readonly t1: number;
  readonly steps: number;
  readonly method: 'explicit' | 'implicit';
  readonly maxOrder: number;
  /** Of a quantity over its tolerances, for a step between two states. */
  readonly norm: (quantity: Leaves, a: Leaves, b: Leaves) => Tensor;
  readonly iterations: number;
  readonly pause: (() => March<void>) | undefined;
  readonly accepted: (step: AdamsStep, converged: boolean) => void;
  /** Where it is given each state is looked at, and this told of the first that is not finite: `y` is the one before. */
  readonly broken: ((y: Leaves, next: Leaves, step: Pick<AdamsStep, 't' | 'dt'>) => Promise<void>) | undefined;
}

/** As many derivatives are needed for an Adams step; before, the steps are by Runge-Kutta. */
const STARTERS = 3;

/**
 * Equal steps, as torchdiffeq's `explicit_adams` and `implicit_adams` take them: two of its `rk4` first, then of as high an order as
 * there are past derivatives. The implicit method iterates its corrector until it converges. Gives the state at the end, or the last that
 * is finite.
 */
export async function fixedAdams(
  field: LeafField,
  y0: Leaves,
  { t0, t1, steps, method, maxOrder, norm, iterations, pause, accepted, broken }: FixedPlan,
): Promise<Leaves> {
  const time = (n: number): number => (n === steps ? t1 : t0 + ((t1 - t0) * n) / steps);
  let y: Leaves = scope(() => y0.map(copy));
  let start = y;
  /** Past derivatives, the latest first. */
  const past: Leaves[] = [];
  try {
    for (let n = 0; n < steps; n++) {
      if (pause) await run(pause());
      const [t, end] = [time(n), time(n + 1)];
      const dt = end - t;
      start = y;
      past.unshift(scope(() => field(t, start).map(copy)));
      disposeTree(past.splice(maxOrder - 1));
      const nodes = past.length < STARTERS ? [] : past.map((_, i) => 0 - i);
      const step = { t, dt, end, nodes };
      let [corrections, converged] = [0, true];
      if (nodes.length === 0) {
        y = scope(() => rungeKuttaStep(rk4, field, step, start, { k1: past[0]!, complete: false }).y1);
      } else {
        y = scope(() => predict(start, past, { ...step, corrections }));
        converged = method === 'explicit';
        for (; !converged && corrections < iterations; corrections++) {
          const before = y;
          const { next, ratio } = scope(() => {
            const after = correct(start, field(end, before), past, { ...step, corrections });
            const moved = (a: Leaves, b: Leaves): Leaves => a.map((leaf, j) => sub(leaf, b[j]!));
            const [old, now] = [moved(before, start), moved(after, start)];
            return { next: after, ratio: norm(moved(after, before), old, now) };
          });
          y = next;
          disposeTree(before);
          converged = (await ratio.data())[0]! < 1;
          ratio.dispose();
        }
        // torchdiffeq's answer: a lower order for the next steps.
        if (!converged && past.length > STARTERS) disposeTree(past.splice(-1));
      }
      if (broken && !(await areFinite(y))) {
        await broken(start, y, step);
        disposeTree(y);
        return start;
      }
      disposeTree(start);
      accepted({ ...step, corrections }, converged);
    }
    return y;
  } catch (error) {
    disposeTree([y, start]);
    throw error;
  } finally {
    disposeTree(past);
  }
}
