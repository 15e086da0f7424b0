import { report, type Evidence, type FailureFacts, type FailureKind, type FailureReport } from './failure.ts';
import type { Stepper, Trial } from './march.ts';
import type { Plan } from './options.ts';
import type { PlainEvent, PlainField } from './plain.ts';
import { denseWeights } from './solver.ts';

/** A failed or impossible solve on plain arrays. */
export class SolveError extends Error {
  /** Stable, for programs. */
  readonly code: FailureReport['code'] | 'VALUE';
  readonly remedy: string;
  /** Where and why the solve failed; undefined for options out of range. */
  readonly report: FailureReport | undefined;

  constructor(code: FailureReport['code'] | 'VALUE', what: string, remedy: string, report?: FailureReport) {
    super(`${what}. To fix: ${remedy}.`);
    this.name = 'SolveError';
    this.code = code;
    this.remedy = remedy;
    this.report = report;
  }
}

/** The weights of a sum over stages that are not zero, with their stages. */
interface Sum {
  readonly stages: readonly Float64Array[];
  readonly weights: readonly number[];
}

/** A state in plain arrays under way. All arrays but the outputs are allocated once. */
export class PlainStepper implements Stepper {
  nfe = 0;
  readonly outputs: Float64Array[] = [];
  readonly #f: PlainField;
  readonly #plan: Plan;
  readonly #y0: Float64Array;
  #y: Float64Array;
  /** The end of the trial step. */
  #y1: Float64Array;
  readonly #probe: Float64Array;
  /** The stages. The arrays keep their places; a derivative handed on is copied from the last to the first. */
  readonly #ks: readonly Float64Array[];
  readonly #rows: readonly Sum[];
  readonly #result: Sum;
  readonly #error: Sum | undefined;
  #hasK1 = false;
  #trial: Trial | undefined;
  #trialOutputs: Float64Array[] = [];
  #trialMarks: Float64Array[] = [];
  /** The states at the events that fired. */
  readonly marks: Float64Array[] = [];
  /** For the dense solution: each step's first state and stages. */
  readonly segments: Segment[] = [];
  readonly #rtol: Float64Array;
  readonly #atol: Float64Array;
  readonly #events: readonly PlainEvent[];

  constructor(f: PlainField, y0: ArrayLike<number>, plan: Plan, { rtol, atol, events }: PlainExtras = {}) {
    const { a, b, c, error } = plan.solver;
    this.#f = f;
    this.#plan = plan;
    this.#y0 = Float64Array.from(y0);
    this.#rtol = perComponent('rtol', rtol ?? plan.rtol, y0.length);
    this.#atol = perComponent('atol', atol ?? plan.atol, y0.length);
    this.#events = events ?? [];
    this.#y = this.#y0.slice();
    this.#y1 = this.#y0.slice();
    this.#probe = this.#y0.slice();
    this.#ks = c.map(() => new Float64Array(y0.length));
    this.#rows = a.map((row) => this.#sum(row));
    this.#result = this.#sum(b);
    this.#error = error && this.#sum(error);
  }

  norms(t: number): [number, number] {
    this.#firstStage(t);
    return [this.#norm(this.#y, this.#y), this.#norm(this.#ks[0]!, this.#y)];
  }

  curvature(t: number, h: number): number {
    const [k1, k2] = [this.#ks[0]!, this.#ks[1] ?? new Float64Array(this.#y.length)];
    addTo(this.#probe, this.#y, { stages: [k1], weights: [1] }, h);
    this.#evaluate(t + h, this.#probe, k2);
    for (let j = 0; j < k2.length; j++) k2[j]! -= k1[j]!;
    return this.#norm(k2, this.#y) / Math.abs(h);
  }

  output(): void {
    this.outputs.push(this.#y.slice());
  }

  trial(trial: Trial): number {
    const { t, dt, end, times, estimate, forced, last, keep } = trial;
    this.#trial = trial;
    const { c, fsal } = this.#plan.solver;
    const ks = this.#ks;
    this.#firstStage(t);
    const inner = fsal ? c.length - 1 : c.length;
    for (let i = 1; i < inner; i++) {
      addTo(this.#probe, this.#y, this.#rows[i]!, dt);
      this.#evaluate(c[i] === 1 ? end : t + c[i]! * dt, this.#probe, ks[i]!);
    }
    addTo(this.#y1, this.#y, this.#result, dt);
    const complete = estimate || !last || keep || times.some((time) => (time - t) / dt !== 1);
    if (fsal && complete) this.#evaluate(end, this.#y1, ks[inner]!);
    const ratio = estimate ? this.#errorRatio(dt) : 0;
    if (times.length > 0 && (ratio <= 1 || forced))
      this.#trialOutputs = times.map((time) => this.#at((time - t) / dt, dt));
    return ratio;
  }

  isFinite(): boolean {
    return this.#y1.every(Number.isFinite);
  }

  accept(): void {
    if (this.#plan.dense) this.segments.push({ y: this.#y.slice(), ks: this.#ks.map((k) => k.slice()) });
    [this.#y, this.#y1] = [this.#y1, this.#y];
    this.outputs.push(...this.#trialOutputs);
    this.marks.push(...this.#trialMarks);
    this.reject();
    this.#hasK1 = this.#plan.solver.fsal;
    if (this.#hasK1) this.#ks[0]!.set(this.#ks[this.#ks.length - 1]!);
  }

  reject(): void {
    this.#trialOutputs = [];
    this.#trialMarks = [];
  }

  cut(count: number, theta: number): void {
    this.#trialOutputs = [...this.#trialOutputs.slice(0, count), this.#at(theta, this.#trial!.dt)];
  }

  forget(): void {
    this.#hasK1 = false;
  }

  event(index: number, time: number, theta: number): number {
    return this.#events[index]!.value(time, theta === 0 ? this.#y.slice() : this.#at(theta, this.#trial!.dt));
  }

  mark(theta: number): void {
    this.#trialMarks.push(this.#at(theta, this.#trial!.dt));
  }

  fault(t: number): 'state' | 'derivative' | undefined {
    if (!this.#y.every(Number.isFinite)) return 'state';
    this.#firstStage(t);
    return this.#ks[0]!.every(Number.isFinite) ? undefined : 'derivative';
  }

  restart(): void {
    this.#y.set(this.#y0);
    this.#hasK1 = false;
    this.outputs.length = 0;
    this.marks.length = 0;
    this.segments.length = 0;
    this.reject();
  }

  failure(kind: FailureKind, facts: FailureFacts): Error {
    const evidence = { state: [this.#y.slice()], initial: [this.#y0], name: (_: number, i: number) => `y[${i}]` };
    const found = report(kind, this.#plan.solver.name, facts, { ...evidence, ...this.#measure(kind, facts) });
    return new SolveError(found.code, found.what, found.remedy, found);
  }

  #measure(kind: FailureKind, { time: t, trialStep: dt }: FailureFacts): Pick<Evidence, 'measure' | 'sizes'> {
    const k1 = this.#ks[0]!;
    if (kind === 'state' && !this.#y.every(Number.isFinite)) return { measure: 'state', sizes: [this.#y] };
    if (kind === 'derivative' && this.#hasK1 && !k1.every(Number.isFinite))
      return { measure: 'derivative', sizes: [k1] };
    this.trial({
      t,
      dt,
      end: t + dt,
      times: [],
      estimate: this.#error !== undefined,
      forced: false,
      last: false,
      keep: false,
    });
    if (!this.#error) return { measure: 'state', sizes: [this.#y1] };
    const error = new Float64Array(this.#y.length);
    addTo(error, error, this.#error, dt);
    return { measure: 'error', sizes: [error.map((e, j) => e / this.#tolerance(j, this.#y[j]!, this.#y1[j]!))] };
  }

  #sum(weights: readonly number[]): Sum {
    const used = weights.flatMap((w, i) => (w === 0 ? [] : [i]));
    return { stages: used.map((i) => this.#ks[i]!), weights: used.map((i) => weights[i]!) };
  }

  #firstStage(t: number): void {
    if (this.#hasK1) return;
    this.#evaluate(t, this.#y, this.#ks[0]!);
    this.#hasK1 = true;
  }

  #evaluate(t: number, y: Float64Array, into: Float64Array): void {
    this.nfe++;
    const result = this.#f(t, y, into);
    if (!result || result === into) return;
    if (result.length !== into.length) {
      throw new SolveError(
        'VALUE',
        `solve: the vector field returned ${result.length} numbers for a state of ${into.length}`,
        'return one derivative for each component',
      );
    }
    for (let j = 0; j < into.length; j++) into[j] = result[j]!;
  }

  #at(theta: number, dt: number): Float64Array {
    if (theta === 1) return this.#y1.slice();
    const state = new Float64Array(this.#y.length);
    addTo(state, this.#y, this.#sum(denseWeights(this.#plan.solver, theta)), dt);
    return state;
  }

  #tolerance(j: number, a: number, b: number): number {
    return this.#atol[j]! + this.#rtol[j]! * Math.max(Math.abs(a), Math.abs(b));
  }

  #errorRatio(dt: number): number {
    const { stages, weights } = this.#error!;
    const [y, y1] = [this.#y, this.#y1];
    let total = 0;
    for (let j = 0; j < y.length; j++) {
      let error = 0;
      for (let m = 0; m < stages.length; m++) error += weights[m]! * stages[m]![j]!;
      total += ((dt * error) / this.#tolerance(j, y[j]!, y1[j]!)) ** 2;
    }
    return y.length === 0 ? 0 : Math.sqrt(total / y.length);
  }

  #norm(x: Float64Array, y: Float64Array): number {
    let total = 0;
    for (let j = 0; j < x.length; j++) total += (x[j]! / this.#tolerance(j, y[j]!, y[j]!)) ** 2;
    return x.length === 0 ? 0 : Math.sqrt(total / x.length);
  }
}

/** One tolerance for each component, all of them above or from 0. */
function perComponent(name: string, given: number | ArrayLike<number>, n: number): Float64Array {
  if (typeof given === 'number') return new Float64Array(n).fill(given);
  const values = Float64Array.from(given);
  if (values.length !== n || !values.every((x) => x >= 0 && x < Infinity && (x > 0 || name === 'rtol'))) {
    throw new SolveError(
      'VALUE',
      `solve: ${name} does not fit a state of ${n}`,
      'give one positive number for each component',
    );
  }
  return values;
}

/** A step's first state and stages, by which the solution is known inside it. */
export interface Segment {
  readonly y: Float64Array;
  readonly ks: readonly Float64Array[];
}

/** What plain arrays can be given besides the options shared with tensors. */
export interface PlainExtras {
  readonly rtol?: number | ArrayLike<number> | undefined;
  readonly atol?: number | ArrayLike<number> | undefined;
  readonly events?: readonly PlainEvent[] | undefined;
}

/** into = y + dt Σ weights · stages. */
function addTo(into: Float64Array, y: Float64Array, { stages, weights }: Sum, dt: number): void {
  const count = stages.length;
  for (let j = 0; j < into.length; j++) {
    let total = 0;
    for (let m = 0; m < count; m++) total += weights[m]! * stages[m]![j]!;
    into[j] = y[j]! + dt * total;
  }
}
