import {
  copy,
  disposeTree,
  mul,
  scope,
  ShapeError,
  ValueError,
  type Params,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { replayedPullback, type Replayable } from '../adjoints/replayed.ts';
import { callback, check, ensure, type Rule } from '../check.ts';
import { solveError } from '../errors.ts';
import { factsOf, report, type FailureKind } from '../failure.ts';
import { stateLayout } from '../layout.ts';
import { firstStep, probeStep, stepFactor } from '../march/control.ts';
import { run } from '../march/coroutine.ts';
import { pauses } from '../march/journey.ts';
import type { StepInfo, Stats } from '../options.ts';
import { makePlan, rulesOf } from '../plan.ts';
import { SOLVE_RULES, type SolveOptions } from '../solve.ts';
import { tolerancesOf } from '../tolerances.ts';
import type { Leaves } from '../rungeKutta.ts';
import { denseWeights } from '../solver.ts';
import { countStep, noStats } from '../stats.ts';
import { replayBatch, type BatchStep } from './replay.ts';
import { advanceRows, rowDots, rowNorms, rowStages, selectRows, stepWeights, timesOf, type RowField } from './rows.ts';

/** dy/dt of every row at its own time: `t` has shape [batch], and every tensor of `y` the batch as its first axis. */
export type BatchField<Y extends Tree, P extends Tree = Params> = (t: Tensor, y: Y, params: P) => Y;

const SHARED = [
  'solver',
  'rtol',
  'atol',
  'firstStep',
  'minStep',
  'maxStep',
  'maxSteps',
  'safety',
  'minFactor',
  'maxFactor',
  'controller',
  'saveAt',
  'onFailure',
] as const;

/** What `onStep` is told; `nfe` counts the evaluations while the row was under way. */
export interface RowStepInfo extends StepInfo {
  readonly row: number;
}

/** Options of `solveBatch`. The interval may be given by row. With `onFailure: 'return'` a row that fails stands still, and the others go on. */
export interface BatchOptions extends Pick<SolveOptions, (typeof SHARED)[number] | 'signal'> {
  readonly t0: number | readonly number[];
  readonly t1: number | readonly number[];
  /** Called after every attempted step of every row. What it throws ends the solve. */
  readonly onStep?: ((info: RowStepInfo) => void) | undefined;
}

export interface BatchSolution<Y extends Tree, P extends Tree = Params> extends Replayable<Y, P, readonly number[]> {
  /** Of a row that failed the last good state. */
  readonly y1: Y;
  /** The times of `y1`, by row. */
  readonly t1: readonly number[];
  /** `failed` where a row has failed. */
  readonly status: 'done' | 'failed';
  /** By row, why it failed, with `onFailure: 'return'`. */
  readonly failures: readonly (Error | undefined)[];
  /** The states at `saveAt`, for every row; of one that failed before, its last good state. */
  readonly ys: readonly Y[];
  /** By row. `nfe` counts the evaluations while the row was under way; `nfeBackward` stays 0, as the way back is of all rows at once. */
  readonly stats: readonly Stats[];
  /** Evaluations of the field, each of all rows. */
  readonly nfe: number;
  /** Those of `pullback` and `replay` so far. */
  readonly nfeBackward: number;
  dispose(): void;
}

const byRow: Rule = [(x) => [x].flat().every(Number.isFinite), 'a finite number, or one for each row'];
const RULES = rulesOf(SHARED, { t0: byRow, t1: byRow, onStep: callback, signal: SOLVE_RULES.signal });

/** Where one row is. */
interface Row {
  t: number;
  size: number;
  readonly end: number;
  readonly direction: number;
  earlier: number[];
  /** The next of `saveAt`. */
  next: number;
  readonly stats: Stats;
  /** The last trial step ended in a number that is not finite. */
  nonFinite: boolean;
  done: boolean;
  failure: Error | undefined;
}

/**
 * Solves every row of a batch with step sizes of its own, as if it were alone: a stiff row neither slows its neighbours down nor
 * changes their steps. The field is evaluated on all rows at once, at a time for each; rows that are done stand still. The
 * errors of all rows are read back once per step. Gradients are those of the steps that were taken. A row that failed where its
 * derivative is not finite, as at a start out of the field's domain, is evaluated with the others on the way back: its own gradient
 * and that in the parameters are NaN, whatever its cotangent, those of the other rows' states are not. Solve again without it.
 *
 * @throws {ShapeError} when the tensors of `y0` do not share their first axis
 * @throws what `solve` throws, for the first row that fails, unless `onFailure` is `return`; the message names it
 *
 * @example
 * ```ts
 * import { mul, neg, tensor } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 * import { solveBatch } from '@sparseflow/ode-solvers';
 *
 * const backend = createReferenceBackend();
 * const y0 = tensor([[1], [1], [1]], { backend });
 * const rate = tensor([[1], [10], [100]], { backend });
 * const { y1, stats } = await solveBatch((_t, y, p) => neg(mul(p.rate, y)), y0, { rate }, { t0: 0, t1: [3, 2, 1] });
 * console.log(y1.dataSync(), stats.map(({ accepted }) => accepted)); // exp(-3), exp(-20), exp(-100); each with its own steps
 * ```
 */
export async function solveBatch<Y extends Tree, P extends Tree = Params>(
  f: BatchField<Y, P>,
  y0: Y,
  params: P,
  options: BatchOptions,
): Promise<BatchSolution<Y, P>> {
  const refuse = (what: string, remedy: string): Error => new ValueError('solveBatch', what, remedy);
  ensure('f', f, callback, refuse);
  const { onStep, ...shared } = check<BatchOptions>(options, RULES, refuse);
  const layout = stateLayout(y0, 'solveBatch');
  const { leaves, names } = layout;
  const batch = leaves[0]?.shape[0];
  if (batch === undefined || leaves.some(({ shape }) => shape[0] !== batch)) {
    throw new ShapeError('solveBatch', 'the tensors of the state do not share a first axis', 'give each [batch, ...]');
  }
  const timesOfRows = (name: 't0' | 't1'): readonly number[] => {
    const given = shared[name];
    ensure(name, given, byRow, refuse);
    if (typeof given === 'number') return new Array<number>(batch).fill(given);
    if (given.length !== batch)
      throw refuse(`${name} has ${given.length} entries for ${batch} rows`, 'give one for each');
    return given;
  };
  const [starts, ends] = [timesOfRows('t0'), timesOfRows('t1')];
  // Checks the options for every row; the plans differ in their intervals alone.
  const plans = starts.map((t0, i) => makePlan({ ...shared, t0, t1: ends[i]! }, refuse, SOLVE_RULES));
  const plan = plans[0] ?? makePlan({ ...shared, t0: 0, t1: 0 }, refuse, SOLVE_RULES);
  const { solver, saveAt } = { ...plan, saveAt: options.saveAt ?? [] };
  if (!solver.error) throw refuse(`${solver.name} has no error estimate`, 'use dopri5');
  const errorWeights = solver.error;

  const pause = plan.signal && pauses(plan.signal);

  let nfe = 0;
  const fieldOf =
    (p: P, count: () => void): RowField =>
    (t, y) => {
      count();
      return layout.flatten(f(timesOf(t, leaves[0]!), layout.unflatten(y), p), 'f');
    };
  const field = fieldOf(params, () => nfe++);
  const tolerances = await tolerancesOf(layout, plan, refuse);
  const norms = (quantity: Leaves, a: Leaves, b: Leaves): Tensor => rowNorms(quantity, a, b, { plan, tolerances });
  const root = async (squares: Tensor): Promise<number[]> => {
    const values = Array.from(await squares.data(), Math.sqrt);
    squares.dispose();
    return values;
  };

  const rows: Row[] = starts.map((t0, i) => ({
    t: t0,
    size: 0,
    end: ends[i]!,
    direction: plans[i]!.direction,
    earlier: [],
    next: 0,
    stats: noStats(),
    nonFinite: false,
    done: t0 === ends[i]!,
    failure: undefined,
  }));
  const steps: BatchStep[] = [];
  let y: Leaves = scope(() => leaves.map(copy));
  let k1: Leaves = [];
  const saved: Leaves[] = saveAt.map(() => scope(() => leaves.map(copy)));
  /** Ends a row that cannot go on, or the solve. */
  const fail = async (kind: FailureKind, i: number, dt: number, errorRatio?: number): Promise<void> => {
    const { t, stats } = rows[i]!;
    const cut = (parts: readonly ArrayLike<number>[]): number[][] =>
      parts.map((part) => Array.from(part).slice((i * part.length) / batch, ((i + 1) * part.length) / batch));
    const read = async (of: Leaves): Promise<number[][]> => cut(await Promise.all(of.map((leaf) => leaf.data())));
    const state = await read(y);
    const { maxSteps, maxRejects } = plan;
    const interval = { t0: starts[i]!, t1: ends[i]!, maxSteps, maxRejects };
    const facts = factsOf(interval, stats, { time: t, stepSize: dt, errorRatio });
    const name = (part: number, index: number): string => `${names[part]}[${i}] at ${index}`;
    const found = {
      measure: kind === 'state' ? 'state' : 'derivative',
      sizes: kind === 'state' ? state : await read(k1),
    } as const;
    const evidence = { state, initial: await read(leaves), name, ...found };
    const failure = solveError(report(kind, `${solver.name}, row ${i}`, facts, evidence));
    if (plan.onFailure === 'throw') throw failure;
    Object.assign(rows[i]!, { failure, done: true });
  };

  try {
    k1 = scope(() => field(starts, y).map(copy));
    for (const row of rows) row.stats.nfe = nfe;
    const [d0, d1] = await Promise.all([root(scope(() => norms(y, y, y))), root(scope(() => norms(k1, y, y)))]);
    for (const i of rows.keys()) {
      if (!(d0[i]! < Infinity)) await fail('state', i, 0);
      else if (!(d1[i]! < Infinity)) await fail('derivative', i, 0);
    }
    if (options.firstStep === undefined) {
      const probes = rows.map(({ direction, done }, i) => (done ? 0 : direction * probeStep(d0[i]!, d1[i]!)));
      const change = scope(() => {
        const k2 = field(
          starts.map((t, i) => t + probes[i]!),
          advanceRows(y, [k1], () => probes),
        );
        return norms(
          advanceRows(k2, [k1], () => probes.map(() => -1)),
          y,
          y,
        );
      });
      (await root(change)).forEach((d, i) => {
        const probe = Math.abs(probes[i]!);
        if (probe > 0) rows[i]!.size = firstStep(probe, d1[i]!, d / probe, solver.order);
      });
      for (const row of rows) row.stats.nfe = nfe;
    } else for (const row of rows) row.size = options.firstStep;

    for (const [n, time] of saveAt.entries())
      rows.forEach((row) => (time === row.t && row.next === n ? row.next++ : 0));
    while (rows.some(({ done }) => !done)) {
      if (pause) await run(pause());
      const wishes = rows.map(({ size }) => Math.min(Math.max(size, plan.minStep), plan.maxStep));
      const dts = rows.map(({ done, direction }, i) => (done ? 0 : direction * wishes[i]!));
      for (const [i, { done, t, stats, nonFinite }] of rows.entries()) {
        if (done) continue;
        if (t + dts[i]! === t) await fail(nonFinite ? 'derivative' : 'underflow', i, dts[i]!);
        else if (stats.accepted + stats.rejected >= plan.maxSteps) await fail('maxSteps', i, dts[i]!);
        if (rows[i]!.done) dts[i] = 0;
      }
      const started = nfe;
      const trial = scope(() => {
        const { ks, y1 } = rowStages(solver, field, y, rows.map(({ t }) => t), dts, k1); // prettier-ignore
        const last = solver.fsal ? ks[ks.length - 1]! : field(rows.map(({ t }, i) => t + dts[i]!), y1); // prettier-ignore
        const zero = y.map((leaf) => mul(leaf, 0));
        const error = norms(advanceRows(zero, ks, stepWeights(dts, errorWeights)), y, y1);
        return { y1, ks: ks.map((k) => k.map(copy)), last: last.map(copy), error };
      });
      const ratios = await root(trial.error);
      const accepted = rows.map(
        ({ done }, i) => !done && (ratios[i]! <= 1 || (wishes[i]! <= plan.minStep && ratios[i]! < Infinity)),
      );
      for (const [i, row] of rows.entries()) {
        if (row.done) continue;
        row.stats.nfe += nfe - started;
        row.nonFinite = !(ratios[i]! < Infinity);
        const factor = row.nonFinite ? plan.minFactor : stepFactor(ratios[i]!, solver.order, plan, row.earlier);
        row.size = Math.abs(dts[i]!) * factor;
        if (!accepted[i]) row.stats.rejected++;
      }
      const finishing = rows.map(({ t, end, direction }, i) =>
        accepted[i] && (t + dts[i]! - end) * direction >= 0 ? (end - t) / dts[i]! : undefined,
      );
      if (accepted.some(Boolean)) {
        const moved = dts.map((dt, i) => (accepted[i] ? dt : 0));
        steps.push({ ts: rows.map(({ t }) => t), dts: moved, thetas: finishing });
      }
      // Saved states and the end, read from the dense output of the rows that pass them.
      const wanted = [
        ...saveAt.map((time, n) => ({ n, time: rows.map(() => time) })),
        { n: saveAt.length, time: ends },
      ];
      let next: Leaves = trial.y1;
      for (const { n, time } of wanted) {
        const passes = rows.map(
          ({ t, direction, next: due }, i) => accepted[i]! && due <= n && (t + dts[i]! - time[i]!) * direction >= 0,
        );
        if (!passes.some(Boolean)) continue;
        const thetas = rows.map(({ t }, i) => (passes[i] ? (time[i]! - t) / dts[i]! : 0));
        const weights = thetas.map((theta) => denseWeights(solver, theta));
        const target = n < saveAt.length ? saved[n]! : next;
        const read = scope(() =>
          selectRows(
            passes,
            advanceRows(y, trial.ks, (s) => dts.map((dt, i) => dt * weights[i]![s]!)),
            target,
          ),
        );
        disposeTree(target);
        if (n < saveAt.length) saved[n] = read;
        else next = read;
        rows.forEach((row, i) => (passes[i] && n < saveAt.length ? (row.next = n + 1) : 0));
      }
      const moved = scope(() => ({ y: selectRows(accepted, next, y), k1: selectRows(accepted, trial.last, k1) }));
      disposeTree([next, trial.ks, trial.last, y, k1] as Tree);
      ({ y, k1 } = moved);
      rows.forEach((row, i) => {
        if (row.done) return;
        const { t, stats } = row;
        onStep?.({ row: i, t, dt: dts[i]!, accepted: accepted[i]!, errorRatio: ratios[i]!, nfe: stats.nfe });
        if (!accepted[i]) return;
        row.t += dts[i]!;
        row.earlier = [ratios[i]!, ...row.earlier.slice(0, 1)];
        row.done = (row.t - row.end) * row.direction >= 0;
        countStep(stats, dts[i]!);
      });
    }
  } catch (error) {
    disposeTree([y, k1, saved] as Tree);
    throw error;
  }
  disposeTree(k1);
  // A row that failed has stood still since.
  for (const [n, target] of saved.entries()) {
    const missing = rows.map(({ failure, next }) => failure !== undefined && next <= n);
    if (!missing.some(Boolean)) continue;
    saved[n] = scope(() => selectRows(missing, y, target));
    disposeTree(target);
  }
  let nfeBackward = 0;
  const replay = (start: Y, p: P): Y => {
    const again = fieldOf(p, () => nfeBackward++);
    return layout.unflatten(replayBatch(solver, again, layout.flatten(start, 'y0'), steps));
  };
  const reached = rows.map(({ t, end, failure }) => (failure ? t : end));
  return {
    y1: layout.unflatten(y),
    t1: reached,
    status: rows.some(({ failure }) => failure) ? 'failed' : 'done',
    failures: rows.map(({ failure }) => failure),
    ys: saved.map((parts) => layout.unflatten(parts as Tensor[])),
    stats: rows.map(({ stats }) => stats),
    nfe,
    get nfeBackward() {
      return nfeBackward;
    },
    replay,
    pullback: replayedPullback(replay, y0, params, {
      layout,
      t0: starts,
      t1: reached,
      field: fieldOf(params, () => nfeBackward++),
      dots: rowDots,
      read: (sums) => sums,
    }),
    dispose: () => disposeTree([y, saved] as Tree),
  };
}
