import { copy, disposeTree, maximum, scope, ShapeError, sub, type Tensor, type Tree } from '@sparseflow/tensor';
import { solveError } from './errors.ts';
import { report, type Evidence, type FailureFacts } from './failure.ts';
import { accepts } from './march/control.ts';
import type { Wait } from './march/coroutine.ts';
import { nameOf } from './march/events.ts';
import type { Stepper } from './march/stepper.ts';
import type { LeafStep, LeafStepTaken } from './fieldStep.ts';
import type { Plan } from './plan.ts';
import { scaled, scaledNorm, type LeafTolerances } from './tolerances.ts';
import { allFinite, areFinite, componentName, download } from './tensorFailure.ts';
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
  readonly tolerances?: LeafTolerances | undefined;
  /** The value of an event, as a scalar; undefined where JavaScript forgot to return one. */
  readonly event?: ((index: number, t: number, y: Leaves) => Tensor | undefined) | undefined;
  /** The field's own way to take a whole step. */
  readonly step?: LeafStep | undefined;
}

/** A step's first state and stages, by which the solution is known inside it. */
export type Segment = {
  readonly y: Tensor[];
  readonly ks: readonly Tensor[][];
};

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

/** A state of tensors under way, and what has come of it. */
export interface TensorStepper extends Stepper {
  /** States at the start of each accepted step, when retained; the first is the caller's. */
  readonly states: Leaves[];
  readonly outputs: Tensor[][];
  /** The states at the events that fired. */
  readonly marks: Tensor[][];
  /** For the dense solution. */
  readonly segments: Segment[];
  /** Frees the state and everything else that the caller did not give; with `retained`, also the states and outputs. */
  dispose(retained: boolean): void;
}

/**
 * Begins at the problem's initial state. Each step runs in a scope, so the stages are freed at once; what lives from step to step is
 * disposed by hand, and therefore copied wherever a field may have handed out a tensor of its own.
 */
export function tensorStepper(problem: Problem, plan: Plan): TensorStepper {
  const { y0, names, read: seen, groups, tolerances } = problem;
  const { solver } = plan;
  const sync = Boolean(y0[0]!.backend.downloadSync);
  let y = y0;
  /** The derivative at the state, where it is known. */
  let k1: Leaves | undefined;
  /** The length of the trial step. */
  let length = 0;
  let attempt: Attempt | undefined;
  const states: Leaves[] = [];
  const [outputs, marks, segments]: [Tensor[][], Tensor[][], Segment[]] = [[], [], []];

  const field: LeafField = (t, at) => {
    stepper.nfe++;
    return problem.field(t, at);
  };
  const own = (leaves: () => Leaves): Tensor[] => scope(() => leaves().map(copy));
  const derivative = (t: number): Leaves => (k1 ??= own(() => field(t, y.slice(0, seen))));
  /** Computes a number and reads it. */
  const read = (compute: () => Tensor | number): Wait<number> => {
    const x = scope(compute);
    if (typeof x === 'number') return x;
    const finish = (values: ArrayLike<number>): number => {
      x.dispose();
      return values[0]!;
    };
    return sync ? finish(x.dataSync()) : x.data().then(finish);
  };
  /** The largest root mean square, over the groups, of a quantity on the scale of the tolerances; a tensor only where reading must wait. */
  const norm = (quantity: (leaf: number) => Tensor, y1: Leaves = y): Tensor | number => {
    const norms = groups.map((group) => scaledNorm(group, quantity, y, y1, { plan, tolerances }));
    if (norms.length === 0) return 0; // an empty batch has no error
    return sync ? Math.max(...norms.map((x) => x.dataSync()[0]!)) : norms.reduce((a, b) => maximum(a, b));
  };
  const sizeOf = (leaves: Leaves): Wait<number> => read(() => norm((j) => leaves[j]!));
  const stateAt = (theta: number, { y1, ks, output }: Pick<LeafStepTaken, 'y1' | 'ks' | 'output'>): Tensor[] =>
    theta === 1 ? y1.map(copy) : (output ?? denseState(solver, y, ks, length, theta));
  /** The state at t + θ dt of the trial step, as tensors of its own. */
  const inside = (theta: number): Tensor[] => scope(() => stateAt(theta, attempt!));
  const release = (state: Leaves): void => {
    if (state !== y0) disposeTree(state);
  };
  /** By component, the error of the last trial step over its tolerance, or its end where the method estimates no error. */
  const contributions = async ({ time: t, stepSize }: FailureFacts): Promise<Pick<Evidence, 'measure' | 'sizes'>> => {
    const { error } = solver;
    const dt = length || stepSize;
    const found = scope(() => {
      const options = { k1, complete: true, read: seen };
      const { y1, ks } = rungeKuttaStep(solver, problem.field, { t, dt, end: t + dt }, y, options);
      return error ? y1.map((end, j) => scaled(j, combine(ks, error, dt, j), y[j]!, end, { plan, tolerances })) : y1;
    });
    const sizes = await download(found);
    disposeTree(found);
    return { measure: error ? 'error' : 'state', sizes };
  };

  const stepper: TensorStepper & { nfe: number } = {
    nfe: 0,
    states,
    outputs,
    marks,
    segments,
    size: () => sizeOf(y),
    slope: (t) => sizeOf(derivative(t)),
    bend(t, h) {
      const slope = derivative(t);
      return read(() => {
        const k2 = field(t + h, advance(y, [slope], [1], h, seen));
        return norm((j) => sub(k2[j]!, slope[j]!));
      });
    },
    output() {
      outputs.push(own(() => y));
    },
    trial(trial) {
      const { t, dt, times, estimate, last } = trial;
      length = dt;
      // The first stage survives a rejection, and a method whose last stage is the next one's first hands it on.
      if (estimate || solver.fsal) derivative(t);
      const tried = scope((): Attempt | number => {
        const thetas = times.map((time) => (time - t) / dt);
        const complete = estimate || !last || plan.keep || thetas.some((theta) => theta !== 1);
        const step: LeafStepTaken =
          (plan.keep ? undefined : problem.step?.(solver, trial, y, k1)) ??
          rungeKuttaStep(solver, field, trial, y, { k1, complete, read: seen });
        stepper.nfe += step.nfe ?? 0;
        const { y1, ks } = step;
        const ratio = estimate ? norm((j) => step.error?.[j] ?? combine(ks, solver.error!, dt, j), y1) : undefined;
        if (typeof ratio === 'number' && !accepts(trial, ratio)) return ratio;
        return {
          y1,
          slope: solver.fsal && !last ? (step.slope ?? ks.at(-1)!.map(copy)) : undefined,
          outputs: thetas.map((theta) => stateAt(theta, step)),
          marks: [],
          ratio,
          ks: plan.keep ? ks.map((k) => k.map(copy)) : [],
        };
      });
      if (typeof tried === 'number') return tried;
      attempt = tried;
      return read(() => tried.ratio ?? 0);
    },
    isFinite: () => areFinite(attempt!.y1),
    accept() {
      const { y1, slope, ks, ...found } = attempt!;
      attempt = undefined;
      outputs.push(...found.outputs);
      marks.push(...found.marks);
      if (plan.dense) segments.push({ y: own(() => y), ks });
      else disposeTree(ks);
      if (problem.retain) states.push(y);
      else release(y);
      stepper.forget();
      y = y1;
      k1 = slope;
    },
    reject() {
      // All that an attempt holds are trees, or nothing.
      disposeTree((attempt ?? []) as unknown as Tree);
      attempt = undefined;
    },
    cut(count, theta) {
      disposeTree(attempt!.outputs.splice(count));
      attempt!.outputs.push(inside(theta));
    },
    forget() {
      disposeTree(k1 ?? []);
      k1 = undefined;
    },
    event: (index, time, theta) =>
      read(() => {
        const result = problem.event!(index, time, theta === 0 ? y : inside(theta));
        if (result?.size !== 1)
          throw new ShapeError('solve', `${nameOf(plan, index)} has shape [${result?.shape}]`, 'return a scalar');
        return copy(result);
      }),
    mark(theta) {
      attempt!.marks.push(inside(theta));
    },
    async fault(t) {
      if (!(await areFinite(y))) return 'state';
      return (await areFinite(derivative(t))) ? undefined : 'derivative';
    },
    restart() {
      stepper.dispose(true);
      y = y0;
    },
    async failure(kind, facts) {
      stepper.reject();
      const state = await download(y);
      const sizes = kind === 'state' ? state : kind === 'derivative' ? await download(k1 ?? []) : [];
      // Where no step is at fault there is none to take again.
      const again = facts.stepSize !== 0 && allFinite(sizes);
      const found = again ? await contributions(facts) : { measure: kind as 'state', sizes };
      const evidence = { state, initial: await download(y0), name: componentName(names, y0), ...found };
      return solveError(report(kind, solver.name, facts, evidence));
    },
    dispose(retained) {
      stepper.reject();
      stepper.forget();
      release(y);
      y = [];
      if (!retained) return;
      states.splice(0).forEach(release);
      disposeTree([outputs.splice(0), marks.splice(0), segments.splice(0)]);
    },
  };
  return stepper;
}
