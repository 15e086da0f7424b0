import {
  abs,
  add,
  copy,
  disposeTree,
  div,
  maximum,
  mul,
  scaledErrorNorm,
  scope,
  ShapeError,
  sub,
  type Tensor,
  type Tree,
} from '@sparseflow/tensor';
import { solveError } from './errors.ts';
import { report, type Evidence, type FailureFacts, type FailureKind } from './failure.ts';
import type { Wait } from './march/coroutine.ts';
import type { Stepper, Trial } from './march/stepper.ts';
import type { LeafStep, LeafStepTaken } from './fieldStep.ts';
import type { Plan } from './plan.ts';
import { allFinite, componentName, download } from './tensorFailure.ts';
import { advance, combine, denseState, rungeKuttaStep, type LeafField, type Leaves } from './rungeKutta.ts';

export interface Problem {
  readonly field: LeafField;
  readonly y0: Leaves;
  /** Names of the leaves, for messages. */
  readonly names: readonly string[];
  /** The field reads this many leaves; later ones are integrals that it does not depend on. */
  readonly read: number;
  /** The error norm is the largest root mean square over these groups of leaves. */
  readonly groups: readonly (readonly number[])[];
  /** Keep the state at the start of each accepted step. */
  readonly retain: boolean;
  /** Tolerances by leaf, where they are not the plan's numbers: tensors that broadcast to it. */
  readonly tolerances?: { readonly rtol: readonly Tolerance[]; readonly atol: readonly Tolerance[] } | undefined;
  /** The value of an event, as a scalar. */
  readonly event?: ((index: number, t: number, y: Leaves) => Tensor) | undefined;
  /** The field's own way to take a whole step. */
  readonly step?: LeafStep | undefined;
}

/** One number, or a tensor of them. */
export type Tolerance = Tensor | number;

/** A step's first state and stages, by which the solution is known inside it. */
export interface Segment {
  readonly y: Tensor[];
  readonly ks: readonly Tensor[][];
}

interface Attempt {
  readonly y1: Tensor[];
  /** The derivative at y1, where the method has it. */
  readonly slope: Tensor[] | undefined;
  readonly outputs: Tensor[][];
  /** The states at the events in it. */
  readonly marks: Tensor[][];
  /** Of the error to the tolerance, where it is estimated; a number on backends that compute at once. */
  readonly ratio: Tensor | number | undefined;
  /** The stages, where events or the dense solution need them. */
  readonly ks: readonly Tensor[][];
}

/**
 * A state of tensors under way. Each step runs in a scope, so the stages are freed at once; what lives from step to step is
 * disposed by hand, and therefore copied wherever a field may have handed out a tensor of its own.
 */
export class TensorStepper implements Stepper {
  nfe = 0;
  /** States at the start of each accepted step, when retained; the first is the caller's. */
  readonly states: Leaves[] = [];
  readonly outputs: Tensor[][] = [];
  /** The states at the events that fired. */
  readonly marks: Tensor[][] = [];
  /** For the dense solution. */
  readonly segments: Segment[] = [];
  #dt = 0;
  readonly #problem: Problem;
  readonly #plan: Plan;
  readonly #field: LeafField;
  readonly #sync: boolean;
  #y: Leaves;
  #k1: Tensor[] | undefined;
  #attempt: Attempt | undefined;

  constructor(problem: Problem, plan: Plan) {
    this.#problem = problem;
    this.#plan = plan;
    this.#y = problem.y0;
    this.#sync = Boolean(problem.y0[0]!.backend.downloadSync);
    this.#field = (t, y) => {
      this.nfe++;
      return problem.field(t, y);
    };
  }

  size(): Wait<number> {
    return this.#read(() => this.#norm((j) => this.#y[j]!, this.#y));
  }

  slope(t: number): Wait<number> {
    const k1 = this.#derivative(t);
    return this.#read(() => this.#norm((j) => k1[j]!, this.#y));
  }

  bend(t: number, h: number): Wait<number> {
    const k1 = this.#derivative(t);
    return this.#read(() => {
      const k2 = this.#field(t + h, advance(this.#y, [k1], [1], h, this.#problem.read));
      return this.#norm((j) => sub(k2[j]!, k1[j]!), this.#y);
    });
  }

  output(): void {
    this.outputs.push(scope(() => this.#y.map(copy)));
  }

  trial(trial: Trial): Wait<number> {
    const { solver } = this.#plan;
    const { t, dt, times, estimate, forced, last, keep } = trial;
    this.#dt = dt;
    // The first stage survives a rejection, and a method whose last stage is the next one's first hands it on.
    if (estimate || solver.fsal) this.#derivative(t);
    const attempt = scope((): Attempt | number => {
      const thetas = times.map((time) => (time - t) / dt);
      const complete = estimate || !last || keep || thetas.some((theta) => theta !== 1);
      const options = { k1: this.#k1, complete, read: this.#problem.read };
      const step: LeafStepTaken =
        this.#problem.step?.(solver, trial, this.#y, this.#k1) ??
        rungeKuttaStep(solver, this.#field, trial, this.#y, options);
      this.nfe += step.nfe ?? 0;
      const { y1, ks } = step;
      const ratio = estimate
        ? this.#norm((j) => step.error?.[j] ?? combine(ks, solver.error!, dt, j), this.#y, y1)
        : undefined;
      if (typeof ratio === 'number' && !(ratio <= 1 || (forced && ratio < Infinity))) return ratio;
      return {
        y1,
        slope: solver.fsal && !last ? (step.slope ?? ks.at(-1)!.map(copy)) : undefined,
        outputs: thetas.map((theta) => this.#at(theta, step)),
        marks: [],
        ratio,
        ks: keep ? ks.map((k) => k.map(copy)) : [],
      };
    });
    if (typeof attempt === 'number') return attempt;
    this.#attempt = attempt;
    const { ratio = 0 } = attempt;
    return typeof ratio === 'number' ? ratio : this.#read(() => ratio);
  }

  async isFinite(): Promise<boolean> {
    return allFinite(await download(this.#attempt!.y1));
  }

  accept(): void {
    const { y1, slope, outputs, marks, ks } = this.#attempt!;
    this.#attempt = undefined;
    this.outputs.push(...outputs);
    this.marks.push(...marks);
    if (this.#plan.dense) this.segments.push({ y: scope(() => this.#y.map(copy)), ks });
    else disposeTree(ks);
    if (this.#problem.retain) this.states.push(this.#y);
    else this.#release(this.#y);
    this.forget();
    this.#y = y1;
    this.#k1 = slope;
  }

  reject(): void {
    // All that an attempt holds are trees, or nothing.
    disposeTree((this.#attempt ?? []) as unknown as Tree);
    this.#attempt = undefined;
  }

  cut(count: number, theta: number): void {
    const { outputs } = this.#attempt!;
    disposeTree(outputs.splice(count));
    outputs.push(this.#inside(theta));
  }

  event(index: number, time: number, theta: number): Wait<number> {
    return this.#read(() => {
      const y = theta === 0 ? this.#y : this.#inside(theta);
      const result = this.#problem.event!(index, time, y);
      if (result.size !== 1)
        throw new ShapeError('solve', `event ${index} has shape [${result.shape}]`, 'return a scalar');
      return copy(result);
    });
  }

  mark(theta: number): void {
    this.#attempt!.marks.push(this.#inside(theta));
  }

  /** The state at t + θ dt of the trial step, as tensors of its own. */
  #inside(theta: number): Tensor[] {
    return scope(() => this.#at(theta, this.#attempt!));
  }

  #at(theta: number, { y1, ks, output }: Pick<LeafStepTaken, 'y1' | 'ks' | 'output'>): Tensor[] {
    return theta === 1 ? y1.map(copy) : (output ?? denseState(this.#plan.solver, this.#y, ks, this.#dt, theta));
  }

  async fault(t: number): Promise<'state' | 'derivative' | undefined> {
    if (!allFinite(await download(this.#y))) return 'state';
    const k1 = this.#derivative(t);
    return allFinite(await download(k1)) ? undefined : 'derivative';
  }

  restart(): void {
    this.dispose(true);
    this.#y = this.#problem.y0;
  }

  async failure(kind: FailureKind, facts: FailureFacts): Promise<Error> {
    const { y0, names } = this.#problem;
    this.reject();
    const state = await download(this.#y);
    const k1 = await download(this.#k1 ?? []);
    const sizes = kind === 'state' ? state : kind === 'derivative' ? k1 : [];
    const found = allFinite(sizes) ? await this.#contributions(facts) : { measure: kind as 'state', sizes };
    const evidence = { state, initial: await download(y0), name: componentName(names, y0), ...found };
    return solveError(report(kind, this.#plan.solver.name, facts, evidence));
  }

  /** Frees the state and everything else that the caller did not give; with `retained`, also the states and outputs. */
  dispose(retained: boolean): void {
    this.reject();
    this.forget();
    this.#release(this.#y);
    this.#y = [];
    if (!retained) return;
    for (const state of this.states.splice(0)) this.#release(state);
    disposeTree([this.outputs.splice(0), this.marks.splice(0), this.segments.splice(0).map(({ y, ks }) => [y, ks])]);
  }

  /** By component, the error of the last trial step over its tolerance, or its end where the method estimates no error. */
  async #contributions({ time: t, trialStep: dt }: FailureFacts): Promise<Pick<Evidence, 'measure' | 'sizes'>> {
    const { solver } = this.#plan;
    const { error } = solver;
    const read = scope(() => {
      const options = { k1: this.#k1, complete: true, read: this.#problem.read };
      const { y1, ks } = rungeKuttaStep(solver, this.#problem.field, { t, dt, end: t + dt }, this.#y, options);
      return error ? y1.map((end, j) => this.#ratio(j, combine(ks, error, dt, j), this.#y[j]!, end)) : y1;
    });
    const sizes = await download(read);
    disposeTree(read);
    return { measure: error ? 'error' : 'state', sizes };
  }

  /** The derivative at the current state, computed once. */
  #derivative(t: number): Tensor[] {
    return (this.#k1 ??= scope(() => this.#field(t, this.#y.slice(0, this.#problem.read)).map(copy)));
  }

  /** The largest root mean square, over the groups, of a quantity on the scale of the tolerances; a tensor only where reading must wait. */
  #norm(quantity: (leaf: number) => Tensor, y0: Leaves, y1: Leaves = y0): Tensor | number {
    const pick = (leaves: Leaves, group: readonly number[]): Tensor[] => group.map((j) => leaves[j]!);
    const { tolerances, groups } = this.#problem;
    const norms = groups.map((group) => {
      if (!tolerances) return scaledErrorNorm(group.map(quantity), pick(y0, group), pick(y1, group), this.#plan);
      const ratios = group.map((j) => this.#ratio(j, quantity(j), y0[j]!, y1[j]!));
      return scaledErrorNorm(ratios, ratios, ratios, { rtol: 0, atol: 1 });
    });
    if (norms.length === 0) return 0; // an empty batch has no error
    return this.#sync ? Math.max(...norms.map((norm) => norm.dataSync()[0]!)) : norms.reduce((a, b) => maximum(a, b));
  }

  /** A leaf on the scale of the tolerances. */
  #ratio(j: number, x: Tensor, y0: Tensor, y1: Tensor): Tensor {
    const { rtol, atol } = this.#problem.tolerances ?? {};
    const size = mul(maximum(abs(y0), abs(y1)), rtol?.[j] ?? this.#plan.rtol);
    return div(x, add(size, atol?.[j] ?? this.#plan.atol));
  }

  /** Computes a number and reads it. */
  #read(compute: () => Tensor | number): Wait<number> {
    const x = scope(compute);
    if (typeof x === 'number') return x;
    const finish = (values: ArrayLike<number>): number => {
      x.dispose();
      return values[0]!;
    };
    return this.#sync ? finish(x.dataSync()) : x.data().then(finish);
  }

  forget(): void {
    disposeTree(this.#k1 ?? []);
    this.#k1 = undefined;
  }

  #release(state: Leaves): void {
    if (state !== this.#problem.y0) disposeTree(state);
  }
}
