import { copy, disposeTree, scope, type Tensor } from '@sparseflow/tensor';
import type { FailureKind } from '../failure.ts';
import { firstStep as chosenStep, probeStep } from '../march/control.ts';
import { run, type March } from '../march/coroutine.ts';
import { mix, type LeafField, type Leaves } from '../rungeKutta.ts';
import { correct, predict, type AdamsStep } from './step.ts';
import { adamsWeights } from './weights.ts';

export interface VariablePlan {
  readonly t0: number;
  readonly t1: number;
  readonly direction: number;
  readonly saveAt: readonly number[];
  /** Of a quantity over its tolerances, for a step between two states. */
  readonly norm: (quantity: Leaves, a: Leaves, b: Leaves) => Tensor;
  readonly maxOrder: number;
  readonly firstStep: number | undefined;
  readonly maxStep: number;
  readonly maxSteps: number;
  readonly pause: (() => March<void>) | undefined;
  /** Told of every attempted step. */
  readonly tried: (step: AdamsStep, accepted: boolean, errorRatio: number) => void;
  /** Makes the error of a solve that cannot go on. */
  readonly fail: (kind: FailureKind, at: Whereabouts) => Promise<Error>;
}

export interface Whereabouts {
  readonly time: number;
  readonly stepSize: number;
  readonly errorRatio: number | undefined;
  readonly state: Leaves;
  readonly broken: Leaves;
}

/** Limits on the factor from one step to the next: past derivatives should not lie too far apart or too close. */
const [SAFETY, SHRINK, GROW] = [0.9, 0.2, 2];
/** A longer step or another order must be worth this much. */
const WORTHWHILE = 1.2;

/** Weights may add up to this, which is what twelve equal steps need; steps that double in length soon need a million times as much. */
const NOISIEST = 2000;

/** By how much rounding errors of the derivatives grow in the predictor of this order; order 1 has one weight, 1. */
function noise(nodes: readonly number[], order: number): number {
  return adamsWeights(nodes.slice(0, order)).reduce((sum, w) => sum + Math.abs(w), 0);
}

/**
 * Adams methods of variable order and step, predicted, evaluated, corrected, evaluated (PECE), with the corrector one order
 * higher than what the error estimate is for. The weights follow the actual steps (variable coefficients: Krogh 1969; Hairer,
 * Nørsett & Wanner, Solving ODEs I, III.5). As in LSODE and CVODE the next order is that of the present one and its two
 * neighbours that allows the longest step (III.7), at most once in as many steps as it has derivatives; the start is at order 1. A solve that
 * cannot go on gives what was reached.
 */
export async function variableAdams(
  field: LeafField,
  y0: Leaves,
  plan: VariablePlan,
): Promise<{ y1: Leaves; ys: Leaves[]; reached: number; failure: Error | undefined }> {
  const { t0, t1, direction, saveAt, maxOrder, norm } = plan;
  const read = async (x: Tensor): Promise<number> => {
    const value = (await x.data())[0]!;
    x.dispose();
    return value;
  };
  let t = t0;
  let y: Leaves = scope(() => y0.map(copy));
  /** Derivatives at `times`, the latest first. */
  let past: Leaves[] = [];
  let times = [t0];
  const ys: Leaves[] = [];
  let order = 1;
  /** Steps since the order last changed; at the start it may rise every step. */
  let since = 0;
  let starting = true;
  /** Why it cannot go on. */
  let failure: Error | undefined;
  try {
    past = [scope(() => field(t, y).map(copy))];
    const stuck = (kind: FailureKind, dt: number, errorRatio?: number): Promise<Error> =>
      fail(kind, { time: t, stepSize: dt, errorRatio, state: y, broken: past[0]! });
    let size = plan.firstStep ?? (await firstLength());
    let attempts = 0;
    let ratio: number | undefined;
    let nonFinite = false;
    const due = [...saveAt];
    const save = (state: () => Leaves): void => {
      due.shift();
      ys.push(scope(() => state().map(copy)));
    };
    while (due[0] === t0) save(() => y);
    while ((t1 - t) * direction > 0) {
      if (plan.pause) await run(plan.pause());
      const rest = Math.abs(t1 - t);
      const wish = Math.min(size, plan.maxStep);
      const clipped = wish > rest * (1 - 1e-9);
      const dt = direction * (clipped ? rest : wish);
      const end = clipped ? t1 : t + dt;
      if (end === t) throw await stuck(nonFinite ? 'derivative' : 'underflow', dt, ratio);
      if (attempts++ >= plan.maxSteps) throw await stuck('maxSteps', dt, ratio);
      const nodes = times.map((time) => (time - t) / dt);
      while (noise(nodes, order) > NOISIEST) order--;
      const step: AdamsStep = { t, dt, end, nodes: nodes.slice(0, order), corrections: 1 };
      const [before, known] = [y, past];
      // The error of order q is what one more derivative changes in the corrector.
      const orders = [order, order - 1, order + 1].filter(
        (q) => q >= 1 && q <= known.length && q <= maxOrder && noise(nodes, q) <= NOISIEST,
      );
      const trial = scope(() => {
        const predicted = field(end, predict(before, known, step));
        const y1 = correct(before, predicted, known, step);
        const errors = orders.map((q) => {
          const low = adamsWeights([1, ...nodes.slice(0, q - 1)]);
          const weights = adamsWeights([1, ...nodes.slice(0, q)]).map((w, i) => dt * (w - (low[i] ?? 0)));
          return norm(mix([predicted, ...known.slice(0, q)], weights), before, y1);
        });
        return { predicted: predicted.map(copy), y1, errors };
      });
      const ratios = await Promise.all(trial.errors.map(read));
      const now = (ratio = ratios[0]!);
      const factor = (q: number): number => {
        const e = ratios[orders.indexOf(q)];
        return e === undefined ? 0 : e === 0 ? GROW : SAFETY * e ** (-1 / (q + 1));
      };
      if (!(now <= 1)) {
        disposeTree([trial.predicted, trial.y1]);
        plan.tried(step, false, now);
        starting = false;
        const finite = now < Infinity;
        nonFinite = !finite;
        // A second look at a lower order, where that allows more.
        if (finite && order > 1 && factor(order - 1) > factor(order)) [order, since] = [order - 1, 0];
        size = Math.abs(dt) * (finite ? Math.max(SHRINK, Math.min(factor(order), SAFETY)) : SHRINK);
        continue;
      }
      while (due.length > 0 && (end - due[0]!) * direction >= 0) {
        const theta = (due[0]! - t) / dt;
        save(() => (due[0] === end ? trial.y1 : correct(before, trial.predicted, known, step, theta)));
      }
      nonFinite = false;
      since++;
      let best = order;
      if (starting || since > order) {
        if (factor(order - 1) > WORTHWHILE * factor(best) || (order === 2 && factor(1) > factor(2))) best = order - 1;
        if (factor(order + 1) > (starting ? 1 : WORTHWHILE) * factor(best)) best = order + 1;
      }
      // At the start each step may double, as long as the error allows it.
      if (starting && best <= order && factor(order) < GROW && known.length > order) starting = false;
      if (best !== order) since = 0;
      const growth = Math.min(GROW, factor(best));
      order = Math.max(1, Math.min(best, maxOrder, known.length + 1));
      if (!clipped || growth < 1) size = Math.abs(dt) * (growth > WORTHWHILE || growth < 1 ? growth : 1);
      const next = trial.y1;
      const slope = scope(() => field(end, next).map(copy));
      disposeTree([trial.predicted, y]);
      past = [slope, ...known];
      disposeTree(past.splice(maxOrder + 1));
      [y, t, times] = [next, end, [end, ...times].slice(0, maxOrder + 1)];
      plan.tried(step, true, now);
    }
  } catch (error) {
    if (error !== failure) {
      disposeTree([y, past, ys]);
      throw error;
    }
  }
  disposeTree(past);
  return { y1: y, ys, reached: t, failure };

  async function fail(kind: FailureKind, at: Whereabouts): Promise<Error> {
    return (failure = await plan.fail(kind, at));
  }

  async function firstLength(): Promise<number> {
    const k1 = past[0]!;
    const [d0, d1] = await Promise.all([read(scope(() => norm(y, y, y))), read(scope(() => norm(k1, y, y)))]);
    const at = { time: t, stepSize: 0, errorRatio: undefined, state: y };
    if (!(d0 < Infinity)) throw await fail('state', { ...at, broken: [] });
    if (!(d1 < Infinity)) throw await fail('derivative', { ...at, broken: k1 });
    const probe = probeStep(d0, d1);
    const d2 = await read(
      scope(() => {
        const k2 = field(t + direction * probe, mix([y, k1], [1, direction * probe]));
        return norm(mix([k2, k1], [1 / probe, -1 / probe]), y, y);
      }),
    );
    return chosenStep(probe, d1, d2, 2);
  }
}
