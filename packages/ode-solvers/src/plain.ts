import { march, runSync } from './march.ts';
import { makePlan, type Stats, type Step, type StepOptions } from './options.ts';
import { PlainStepper, SolveError } from './plainStepper.ts';

export { SolveError } from './plainStepper.ts';
export type { Component, FailureReport } from './failure.ts';
export type { Stats, Step, StepInfo, StepOptions } from './options.ts';
export type { DenseOutput, Solver } from './solver.ts';
export { solvers } from './solvers/index.ts';
export { adaptiveHeun } from './solvers/adaptiveHeun.ts';
export { bosh3 } from './solvers/bosh3.ts';
export { dopri5 } from './solvers/dopri5.ts';
export { dopri8 } from './solvers/dopri8.ts';
export { euler } from './solvers/euler.ts';
export { fehlberg45 } from './solvers/fehlberg45.ts';
export { heun } from './solvers/heun.ts';
export { heun3 } from './solvers/heun3.ts';
export { midpoint } from './solvers/midpoint.ts';
export { ralston } from './solvers/ralston.ts';
export { rk4 } from './solvers/rk4.ts';
export { rk4Classic } from './solvers/rk4Classic.ts';
export { tsit5 } from './solvers/tsit5.ts';

/**
 * dy/dt at t and y. Returns the derivative, or writes it to `dydt` and returns nothing, which is faster. `y` and `dydt` belong
 * to the solver: `y` must not be changed, and neither be kept.
 */
export type PlainField = (t: number, y: Float64Array, dydt: Float64Array) => ArrayLike<number> | void;

export interface PlainSolution {
  /** The state at `t1`. */
  readonly y1: Float64Array;
  /** The times of `saveAt`. */
  readonly ts: readonly number[];
  /** The states at `ts`. */
  readonly ys: readonly Float64Array[];
  /** The accepted steps. */
  readonly grid: readonly Step[];
  readonly stats: Stats;
}

/**
 * Solves dy/dt = f(t, y), y(t0) = y0, with numbers in plain arrays: no tensors, no promises, float64. Solvers, step control and
 * dense output are those of the package's main entry.
 *
 * @throws {SolveError} when the solve fails, with the same report as the tensor solver's errors, and for options out of range
 *
 * @example
 * ```ts
 * import { solve } from '@sparseflow/ode-solvers/plain';
 *
 * const { y1, ys } = solve((t, y) => [y[1]!, -y[0]!], [1, 0], { t0: 0, t1: Math.PI, saveAt: [Math.PI / 2] });
 * console.log(y1, ys[0]); // close to [-1, 0] and [0, -1]
 * ```
 */
export function solve(f: PlainField, y0: ArrayLike<number>, options: StepOptions): PlainSolution {
  const plan = makePlan(options, (what, remedy) => new SolveError('VALUE', `solve: ${what}`, remedy));
  const stepper = new PlainStepper(f, y0, plan);
  const { grid, stats } = runSync(march(stepper, plan));
  const { outputs } = stepper;
  return { y1: outputs[outputs.length - 1]!, ts: plan.times.slice(0, -1), ys: outputs.slice(0, -1), grid, stats };
}
