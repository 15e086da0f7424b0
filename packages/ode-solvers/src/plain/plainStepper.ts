import { report, type Evidence, type FailureFacts, type FailureKind } from '../failure.ts';
import { stepFactor } from '../march/control.ts';
import type { Glide, Stepper, Trial } from '../march/stepper.ts';
import type { PlainEvent, PlainField } from '../plain.ts';
import type { Plan } from '../plan.ts';
import { takeDopri5 } from './dopri5Stages.ts';
import { SolveError } from './errors.ts';
import { Norm } from './norm.ts';
import { denseWeights } from '../solver.ts';
import { evaluate, stateInside, stagesOf, takeStages, type Stages } from './stages.ts';

/** What plain arrays can be given besides the options shared with tensors. */
export interface PlainExtras {
  readonly rtol?: number | ArrayLike<number> | undefined;
  readonly atol?: number | ArrayLike<number> | undefined;
  readonly events?: readonly PlainEvent[] | undefined;
}

/** A step's first state and stages, by which the solution is known inside it. */
export interface Segment {
  readonly y: Float64Array;
  readonly ks: readonly Float64Array[];
}

/** A state in plain arrays under way. All arrays but the outputs are allocated once. */
export class PlainStepper implements Stepper {
  nfe = 0;
  readonly outputs: Float64Array[] = [];
  /** The states at the events that fired. */
  readonly marks: Float64Array[] = [];
  /** For the dense solution. */
  readonly segments: Segment[] = [];
  readonly #f: PlainField;
  readonly #plan: Plan;
  readonly #y0: Float64Array;
  #y: Float64Array;
  /** The end of the trial step. */
  #y1: Float64Array;
  readonly #stages: Stages;
  readonly #norm: Norm;
  /** The length of the trial step. */
  #dt = 0;
  #hasK1 = false;
  #trialOutputs: Float64Array[] = [];
  #trialMarks: Float64Array[] = [];
  readonly #events: readonly PlainEvent[];
  readonly glide: Glide | undefined;

  constructor(f: PlainField, y0: ArrayLike<number>, plan: Plan, { rtol, atol, events }: PlainExtras = {}) {
    this.#f = f;
    this.#plan = plan;
    this.#y0 = Float64Array.from(y0);
    this.#norm = new Norm(rtol ?? plan.rtol, atol ?? plan.atol, y0.length);
    this.#events = events ?? [];
    [this.#y, this.#y1] = [this.#y0.slice(), this.#y0.slice()];
    this.#stages = stagesOf(plan.solver, y0.length);
    const { solver, pid, onStep, keep, everyStep, maxRejects } = plan;
    const isWatched = onStep || keep || everyStep || maxRejects < Infinity;
    if (solver.fsal && !pid && !isWatched) this.glide = this.#glide;
  }

  size(): number {
    return this.#norm.of(this.#y, this.#y, this.#y);
  }

  slope(t: number): number {
    this.#firstStage(t);
    return this.#norm.of(this.#stages.each[0]!, this.#y, this.#y);
  }

  bend(t: number, h: number): number {
    const { each, probe } = this.#stages;
    const [k1, k2] = each as [Float64Array, Float64Array];
    for (let j = 0; j < probe.length; j++) probe[j] = this.#y[j]! + h * k1[j]!;
    this.nfe++;
    evaluate(this.#f, t + h, probe, k2);
    for (let j = 0; j < k2.length; j++) k2[j]! -= k1[j]!;
    return this.#norm.of(k2, this.#y, this.#y);
  }

  output(): void {
    this.outputs.push(this.#y.slice());
  }

  trial({ t, dt, end, times, estimate, forced, last }: Trial): number {
    const [y, y1, stages] = [this.#y, this.#y1, this.#stages];
    this.#dt = dt;
    this.#firstStage(t);
    const { solver, keep } = this.#plan;
    const complete = solver.fsal && (estimate || !last || keep || readsInside(times, t, dt));
    if (stages.written && estimate && complete) {
      takeDopri5(this.#f, t, dt, end, stages, y, y1);
      this.nfe += stages.result;
    } else this.nfe += takeStages(this.#f, t, dt, end, stages, y, y1, estimate, complete);
    const ratio = estimate ? this.#norm.of(stages.probe, y, y1) : 0;
    if (times.length > 0 && (ratio <= 1 || forced)) this.#output(times, t);
    return ratio;
  }

  /**
   * The steps that `stride` would take, to the last bit, with what it keeps in objects in local variables, which short steps feel.
   */
  #glide(...[journey, t, size, ratio, stop]: Parameters<Glide>): ReturnType<Glide> {
    const { plan, stats, steps, times } = journey;
    const { solver, direction, minStep, maxStep, maxSteps } = plan;
    const output = plan.times[times.length]!;
    const bound = stop !== undefined && (stop - output) * direction < 0 ? stop : output;
    const [f, stages, norm] = [this.#f, this.#stages, this.#norm];
    const k1 = stages.each[0]!;
    const k7 = stages.each[solver.c.length - 1]!;
    let [y, y1] = [this.#y, this.#y1];
    let { accepted, rejected, dtMin, dtMax } = stats;
    let dt = this.#dt;
    let { nfe } = this;
    let halt: number | undefined;
    while (this.#hasK1) {
      size = Math.min(size, maxStep);
      const end = t + direction * size;
      const isNear = (end - bound) * direction > -1e-9 * size;
      if (isNear || size <= minStep || end === t || accepted + rejected >= maxSteps) break;
      dt = direction * size;
      // Chosen here and not in `takeStages`, which is too long to be compiled into this loop.
      if (stages.written) takeDopri5(f, t, dt, end, stages, y, y1);
      else takeStages(f, t, dt, end, stages, y, y1, true, true);
      nfe += stages.result;
      const tried = norm.of(stages.probe, y, y1);
      if (!(tried < Infinity)) {
        halt = tried;
        break;
      }
      ratio = tried;
      if (tried <= 1) {
        steps.add(t, dt);
        if (accepted === 0 || size < dtMin) dtMin = size;
        if (size > dtMax) dtMax = size;
        accepted++;
        // A swap of two in one line would make an array.
        const before = y;
        y = y1;
        y1 = before;
        for (let j = 0; j < k1.length; j++) k1[j] = k7[j]!;
        t = end;
      } else rejected++;
      size *= stepFactor(ratio, solver.order, plan);
    }
    [this.#y, this.#y1, this.#dt] = [y, y1, dt];
    this.nfe = nfe;
    if (accepted > stats.accepted) journey.reached = t;
    Object.assign(stats, { accepted, rejected, dtMin, dtMax });
    return [t, size, ratio, halt];
  }

  /** Keeps the states at times inside the trial step. */
  #output(times: readonly number[], t: number): void {
    this.#trialOutputs = times.map((time) => this.#at((time - t) / this.#dt));
  }

  isFinite(): boolean {
    return this.#y1.every(Number.isFinite);
  }

  accept(): void {
    const { each } = this.#stages;
    const { dense, solver } = this.#plan;
    if (dense) this.segments.push({ y: this.#y.slice(), ks: solver.c.map((_, i) => each[i]!.slice()) });
    [this.#y, this.#y1] = [this.#y1, this.#y];
    if (this.#trialOutputs.length > 0) this.outputs.push(...this.#trialOutputs);
    if (this.#trialMarks.length > 0) this.marks.push(...this.#trialMarks);
    this.reject();
    this.#hasK1 = solver.fsal;
    if (!solver.fsal) return;
    const [first, last] = [each[0]!, each[solver.c.length - 1]!];
    for (let j = 0; j < first.length; j++) first[j] = last[j]!;
  }

  reject(): void {
    if (this.#trialOutputs.length > 0) this.#trialOutputs = [];
    if (this.#trialMarks.length > 0) this.#trialMarks = [];
  }

  cut(count: number, theta: number): void {
    this.#trialOutputs = [...this.#trialOutputs.slice(0, count), this.#at(theta)];
  }

  forget(): void {
    this.#hasK1 = false;
  }

  event(index: number, time: number, theta: number): number {
    return this.#events[index]!.value(time, theta === 0 ? this.#y.slice() : this.#at(theta));
  }

  mark(theta: number): void {
    this.#trialMarks.push(this.#at(theta));
  }

  fault(t: number): 'state' | 'derivative' | undefined {
    if (!this.#y.every(Number.isFinite)) return 'state';
    this.#firstStage(t);
    return this.#stages.each[0]!.every(Number.isFinite) ? undefined : 'derivative';
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

  #measure(kind: FailureKind, { time: t, stepSize }: FailureFacts): Pick<Evidence, 'measure' | 'sizes'> {
    const k1 = this.#stages.each[0]!;
    if (kind === 'state' && !this.#y.every(Number.isFinite)) return { measure: 'state', sizes: [this.#y] };
    if (kind === 'derivative' && this.#hasK1 && !k1.every(Number.isFinite))
      return { measure: 'derivative', sizes: [k1] };
    const estimate = this.#plan.solver.error !== undefined;
    // Where no step is at fault there is nothing to take again.
    const dt = stepSize && (this.#dt || stepSize);
    this.trial({ t, dt, end: t + dt, times: [], estimate, forced: false, last: false });
    // The error is still where the trial left it.
    return estimate
      ? { measure: 'error', sizes: [this.#norm.ratios(this.#stages.probe, this.#y, this.#y1)] }
      : { measure: 'state', sizes: [this.#y1] };
  }

  #firstStage(t: number): void {
    if (this.#hasK1) return;
    const k1 = this.#stages.each[0]!;
    const returned = evaluate(this.#f, t, this.#y, k1);
    if (this.nfe++ === 0 && !returned && k1.length > 0 && k1.every(Number.isNaN)) {
      const remedy = 'return the derivative, or write all of it to the third argument';
      throw new SolveError('VALUE', 'solve: the vector field gave no derivative', remedy);
    }
    this.#hasK1 = true;
  }

  #at(theta: number): Float64Array {
    if (theta === 1) return this.#y1.slice();
    return stateInside(this.#y, this.#stages.each, denseWeights(this.#plan.solver, theta), this.#dt);
  }
}

/** Some of the times need the dense output of a step, being inside it and not at its end. */
function readsInside(times: readonly number[], t: number, dt: number): boolean {
  return times.some((time) => (time - t) / dt !== 1);
}
