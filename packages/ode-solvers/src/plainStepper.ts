import { report, type Evidence, type FailureFacts, type FailureKind, type FailureReport } from './failure.ts';
import type { Stepper, Trial } from './march.ts';
import type { Plan } from './options.ts';
import type { PlainField } from './plain.ts';
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
  #trialOutputs: Float64Array[] = [];

  constructor(f: PlainField, y0: ArrayLike<number>, plan: Plan) {
    const { a, b, c, error } = plan.solver;
    this.#f = f;
    this.#plan = plan;
    this.#y0 = Float64Array.from(y0);
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

  trial({ t, dt, end, times, estimate, forced, last }: Trial): number {
    const { c, fsal } = this.#plan.solver;
    const ks = this.#ks;
    this.#firstStage(t);
    const inner = fsal ? c.length - 1 : c.length;
    for (let i = 1; i < inner; i++) {
      addTo(this.#probe, this.#y, this.#rows[i]!, dt);
      this.#evaluate(c[i] === 1 ? end : t + c[i]! * dt, this.#probe, ks[i]!);
    }
    addTo(this.#y1, this.#y, this.#result, dt);
    const complete = estimate || !last || times.some((time) => (time - t) / dt !== 1);
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
    [this.#y, this.#y1] = [this.#y1, this.#y];
    this.outputs.push(...this.#trialOutputs);
    this.#trialOutputs = [];
    this.#hasK1 = this.#plan.solver.fsal;
    if (this.#hasK1) this.#ks[0]!.set(this.#ks[this.#ks.length - 1]!);
  }

  reject(): void {
    this.#trialOutputs = [];
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
    this.reject();
  }

  failure(kind: FailureKind, facts: FailureFacts): Error {
    const evidence = { state: [this.#y], initial: [this.#y0], name: (_: number, i: number) => `y[${i}]` };
    const found = report(kind, this.#plan.solver.name, facts, { ...evidence, ...this.#measure(kind, facts) });
    return new SolveError(found.code, found.what, found.remedy, found);
  }

  #measure(kind: FailureKind, { time: t, trialStep: dt }: FailureFacts): Pick<Evidence, 'measure' | 'sizes'> {
    const k1 = this.#ks[0]!;
    if (kind === 'state' && !this.#y.every(Number.isFinite)) return { measure: 'state', sizes: [this.#y] };
    if (kind === 'derivative' && this.#hasK1 && !k1.every(Number.isFinite))
      return { measure: 'derivative', sizes: [k1] };
    this.trial({ t, dt, end: t + dt, times: [], estimate: this.#error !== undefined, forced: false, last: false });
    if (!this.#error) return { measure: 'state', sizes: [this.#y1] };
    const error = new Float64Array(this.#y.length);
    addTo(error, error, this.#error, dt);
    return { measure: 'error', sizes: [error.map((e, j) => e / this.#tolerance(this.#y[j]!, this.#y1[j]!))] };
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

  #tolerance(a: number, b: number): number {
    return this.#plan.atol + this.#plan.rtol * Math.max(Math.abs(a), Math.abs(b));
  }

  #errorRatio(dt: number): number {
    const { stages, weights } = this.#error!;
    const [y, y1] = [this.#y, this.#y1];
    let total = 0;
    for (let j = 0; j < y.length; j++) {
      let error = 0;
      for (let m = 0; m < stages.length; m++) error += weights[m]! * stages[m]![j]!;
      total += ((dt * error) / this.#tolerance(y[j]!, y1[j]!)) ** 2;
    }
    return y.length === 0 ? 0 : Math.sqrt(total / y.length);
  }

  #norm(x: Float64Array, y: Float64Array): number {
    let total = 0;
    for (let j = 0; j < x.length; j++) total += (x[j]! / this.#tolerance(y[j]!, y[j]!)) ** 2;
    return x.length === 0 ? 0 : Math.sqrt(total / x.length);
  }
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
