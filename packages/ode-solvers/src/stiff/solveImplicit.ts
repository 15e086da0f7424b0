import { factsOf, report, type FailureKind, type FailureReport } from '../failure.ts';
import { stepFactor, type PidCoefficients } from '../march/control.ts';
import type { March } from '../march/coroutine.ts';
import type { StepInfo, Stats } from '../options.ts';
import { denseWeights } from '../solver.ts';
import { countStep, noStats } from '../stats.ts';
import type { ImplicitSolver } from './kvaerno4.ts';
import { factorize, solveFactorized } from './lu.ts';

/** A stiff problem on plain numbers: f and its Jacobian, row by row in one array of n². */
export interface StiffProblem {
  readonly f: (t: number, y: Float64Array) => Float64Array;
  readonly jacobian: (t: number, y: Float64Array) => Float64Array;
}

export interface StiffPlan {
  readonly t0: number;
  readonly t1: number;
  readonly saveAt: readonly number[];
  readonly solver: ImplicitSolver;
  /** By component. */
  readonly rtol: Float64Array;
  readonly atol: Float64Array;
  readonly firstStep: number;
  readonly maxStep: number;
  readonly maxSteps: number;
  readonly pid: PidCoefficients | undefined;
  readonly pause: (() => March<void>) | undefined;
  readonly onStep: ((info: StepInfo) => void) | undefined;
  /** Makes the error of a failed solve. */
  readonly fail: (report: FailureReport) => Error;
}

/** A step as it was taken. */
export interface StiffStep {
  readonly t: number;
  readonly dt: number;
  /** The state at its start. */
  readonly y: Float64Array;
  /** The derivatives of the stages. */
  readonly ks: readonly Float64Array[];
}

/** I - dt γ J, whose LU factors Newton's method and its derivative need. */
export function stageMatrix(jacobian: Float64Array, by: number, n: number): Float64Array {
  return jacobian.map((x, i) => (i % (n + 1) === 0 ? 1 : 0) - by * x);
}

export interface StiffStats extends Stats {
  jacobians: number;
  factorizations: number;
}

/** What comes of it. */
export interface StiffRun {
  readonly y1: Float64Array;
  readonly reached: number;
  readonly failure: Error | undefined;
  readonly ys: readonly Float64Array[];
  readonly stats: StiffStats;
  readonly steps: readonly StiffStep[];
}

/** More Newton iterations than this mean that the step is too long. */
const ITERATIONS = 8;

/**
 * Solves a stiff problem by a diagonally implicit method. Each stage is Newton's method with the Jacobian at the step's start
 * and one LU factorization of I - dt γ J for all stages (Hairer & Wanner, Solving ODEs II, IV.8). States between steps come
 * from the method's dense output. A solve that cannot go on gives what was reached.
 */
export function* solveImplicit({ f, jacobian }: StiffProblem, y0: Float64Array, plan: StiffPlan): March<StiffRun> {
  const { t0, t1, saveAt, solver, rtol, atol } = plan;
  const n = y0.length;
  const direction = t1 < t0 ? -1 : 1;
  const stats: StiffStats = { ...noStats(), jacobians: 0, factorizations: 0 };
  const evaluate = (t: number, y: Float64Array): Float64Array => {
    stats.nfe++;
    return f(t, y);
  };
  const norm = (x: ArrayLike<number>, a: Float64Array, b: Float64Array): number => {
    let sum = 0;
    for (let j = 0; j < n; j++)
      sum += (x[j]! / (atol[j]! + rtol[j]! * Math.max(Math.abs(a[j]!), Math.abs(b[j]!)))) ** 2;
    return n === 0 ? 0 : Math.sqrt(sum / n);
  };
  let t = t0;
  let y: Float64Array = y0.slice();
  let k1: Float64Array = evaluate(t, y);
  const ys: Float64Array[] = [];
  const steps: StiffStep[] = [];
  const fail = (kind: FailureKind, dt: number, ratio?: number): StiffRun => {
    const measure = kind === 'state' ? 'state' : 'derivative';
    const sizes = [kind === 'state' ? y : k1];
    const facts = factsOf(plan, stats, { time: t, stepSize: dt, errorRatio: ratio });
    const evidence = { measure, state: [y], initial: [y0], sizes, name: (_: number, i: number) => `y[${i}]` } as const;
    const failure = plan.fail(report(kind, solver.name, facts, evidence));
    return { y1: y, reached: t, failure, ys, stats, steps };
  };
  if (!y.every(Number.isFinite)) return fail('state', 0);
  if (!k1.every(Number.isFinite)) return fail('derivative', 0);
  const due = [...saveAt];
  while (due.length > 0 && due[0] === t0) {
    due.shift();
    ys.push(y.slice());
  }
  let size = Math.min(plan.firstStep, plan.maxStep);
  let j: Float64Array | undefined;
  let earlier: number[] = [];
  /** The last trial step met a number that is not finite. */
  let nonFinite = false;
  while ((t1 - t) * direction > 0) {
    if (plan.pause) yield* plan.pause();
    const rest = Math.abs(t1 - t);
    const clipped = size > rest * (1 - 1e-9);
    const dt = direction * (clipped ? rest : size);
    if (t + dt === t) return fail(nonFinite ? 'derivative' : 'underflow', dt);
    if (stats.accepted + stats.rejected >= plan.maxSteps) return fail('maxSteps', dt);
    if (!j) {
      j = jacobian(t, y);
      stats.jacobians++;
    }
    nonFinite = false;
    const step = takeStep(j, dt);
    const ratio = step ? norm(step.error, y, step.y1) : Infinity;
    if (!step || !(ratio <= 1)) {
      stats.rejected++;
      plan.onStep?.({ t, dt, accepted: false, errorRatio: ratio, nfe: stats.nfe });
      size = Math.abs(dt) * (step && ratio < Infinity ? stepFactor(ratio, solver.order, LIMITS) : 0.25);
      continue;
    }
    const end = clipped ? t1 : t + dt;
    const last = step.ks[step.ks.length - 1]!;
    steps.push({ t, dt, y, ks: step.ks });
    while (due.length > 0 && (end - due[0]!) * direction >= 0) ys.push(inside(step.ks, dt, (due.shift()! - t) / dt));
    countStep(stats, dt);
    plan.onStep?.({ t, dt, accepted: true, errorRatio: ratio, nfe: stats.nfe });
    size = Math.min(
      Math.abs(dt) * stepFactor(ratio, solver.order, { ...LIMITS, pid: plan.pid }, earlier),
      plan.maxStep,
    );
    earlier = [ratio, ...earlier.slice(0, 1)];
    [t, y, k1, j] = [end, step.y1, last, undefined];
  }
  return { y1: y, reached: t, failure: undefined, ys, stats, steps };

  /** The state at t + θ dt, from the dense output. */
  function inside(ks: readonly Float64Array[], dt: number, theta: number): Float64Array {
    const state = y.slice();
    denseWeights(solver, theta).forEach((w, m) => addTo(state, ks[m]!, dt * w));
    return state;
  }

  function takeStep(
    matrix: Float64Array,
    dt: number,
  ): { y1: Float64Array; ks: Float64Array[]; error: Float64Array } | undefined {
    const lu = stageMatrix(matrix, dt * solver.gamma, n);
    const pivots = factorize(lu, n);
    stats.factorizations++;
    if (!pivots) return undefined;
    const ks = [k1];
    let z: Float64Array = y;
    for (let s = 1; s < solver.c.length; s++) {
      const base = y.slice();
      for (let m = 0; m < s; m++) addTo(base, ks[m]!, dt * solver.a[s]![m]!);
      const found = newton(lu, pivots, t + solver.c[s]! * dt, dt, base, ks[s - 1]!);
      if (!found) return undefined;
      ks.push(found.k);
      z = found.z;
    }
    const error = new Float64Array(n);
    solver.error.forEach((w, m) => addTo(error, ks[m]!, dt * w));
    // The estimate of stiff components is much too large; the matrix brings it to size (Shampine 1984).
    solveFactorized(lu, pivots, error, n);
    return { y1: z, ks, error };
  }

  /** Solves k = f(t, base + dt γ k), from a first guess. */
  function newton(
    lu: Float64Array,
    pivots: Int32Array,
    time: number,
    dt: number,
    base: Float64Array,
    guess: Float64Array,
  ): { k: Float64Array; z: Float64Array } | undefined {
    const k = guess.slice();
    let before = Infinity;
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
      const z = base.slice();
      addTo(z, k, dt * solver.gamma);
      const residual = evaluate(time, z).slice();
      addTo(residual, k, -1);
      solveFactorized(lu, pivots, residual, n);
      addTo(k, residual, 1);
      const change = Math.abs(dt * solver.gamma) * norm(residual, y, z);
      nonFinite = !(change < Infinity);
      if (nonFinite) return undefined;
      addTo(z, residual, dt * solver.gamma);
      // Well below the tolerance, so that the error estimate sees the method's error alone.
      if (change < 1e-3) return { k, z };
      if (change > 2 * before) return undefined;
      before = change;
    }
    return undefined;
  }
}

const LIMITS = { safety: 0.9, minFactor: 0.2, maxFactor: 5 };

function addTo(into: Float64Array, x: ArrayLike<number>, by: number): void {
  for (let j = 0; j < into.length; j++) into[j]! += by * x[j]!;
}
