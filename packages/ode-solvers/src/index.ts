export {
  solve,
  type FiredEvent,
  type Solution,
  type SolveEvent,
  type SolveOptions,
  type FieldVjp,
  type VectorField,
} from './solve.ts';
export {
  wholeStep,
  type AdjointState,
  type FieldStep,
  type Moved,
  type WholeAdjointStep,
  type WholeStep,
} from './fieldStep.ts';
export type { ControllerName, PidCoefficients } from './march/control.ts';
export type { EventOptions } from './march/events.ts';
export type { Status } from './march/journey.ts';
export {
  solveVjp,
  type SolutionCotangent,
  type SolutionGradient,
  type SolveVjp,
  type SolveVjpOptions,
} from './solveVjp.ts';
export { solveAdams, type AdamsOptions, type AdamsSolution } from './adams/solveAdams.ts';
export {
  solveBatch,
  type BatchField,
  type BatchOptions,
  type BatchSolution,
  type RowStepInfo,
} from './batch/solveBatch.ts';
export { kvaerno4, type ImplicitSolver } from './stiff/kvaerno4.ts';
export type { StiffStats } from './stiff/solveImplicit.ts';
export { solveStiff, type StiffOptions, type StiffSolution } from './stiff/solveStiff.ts';
export { alf } from './reversible/alf.ts';
export type { ReversibleMethod } from './reversible/method.ts';
export { reversibleHeun } from './reversible/reversibleHeun.ts';
export { solveReversible, type ReversibleOptions, type ReversibleSolve } from './reversible/solveReversible.ts';
export { solveJvp, type Direction, type SolveJvp } from './solveJvp.ts';
export { replay } from './replay.ts';
export type { Ending, Restart, Stats, Step, StepInfo, StepOptions } from './options.ts';

export type { DenseOutput, Solver } from './solver.ts';
export { solvers, type SolverName } from './solvers/index.ts';
export { adaptiveHeun } from './solvers/adaptiveHeun.ts';
export { bosh3 } from './solvers/bosh3.ts';
export { dopri5 } from './solvers/dopri5.ts';
export { dopri8 } from './solvers/dopri8.ts';
export { euler } from './solvers/euler.ts';
export { fehlberg2 } from './solvers/fehlberg2.ts';
export { fehlberg45 } from './solvers/fehlberg45.ts';
export { heun } from './solvers/heun.ts';
export { heun3 } from './solvers/heun3.ts';
export { midpoint } from './solvers/midpoint.ts';
export { ralston } from './solvers/ralston.ts';
export { rk4 } from './solvers/rk4.ts';
export { rk4Classic } from './solvers/rk4Classic.ts';
export { tsit5 } from './solvers/tsit5.ts';

export { checkAdjoint, type AdjointComparison, type AdjointReport, type CheckAdjointOptions } from './checkAdjoint.ts';
export type { Adjoint } from './adjoints/adjoint.ts';
export type { Replayable } from './adjoints/replayed.ts';
export { backsolve, interpolated, type BacksolveOptions } from './adjoints/backsolve.ts';
export { checkpoint, type CheckpointOptions } from './adjoints/checkpoint.ts';
export { direct } from './adjoints/direct.ts';
export type { Tolerances } from './tolerances.ts';

export {
  EventNotBracketedError,
  EventValueError,
  MaxStepsError,
  NonFiniteDerivativeError,
  NonFiniteStateError,
  StepSizeUnderflowError,
} from './errors.ts';
export type { Component, FailureKind, FailureReport } from './failure.ts';
