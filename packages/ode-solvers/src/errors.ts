import { SparseflowError } from '@sparseflow/tensor';
import type { FailureKind, FailureReport } from './failure.ts';

/** The step size no longer moves the time: the problem is stiff or singular there, or the tolerances are out of reach. */
export class StepSizeUnderflowError extends SparseflowError {
  declare readonly report: FailureReport;
}

/** `t1` was not reached in `maxSteps` attempted steps, or `maxRejects` in a row were rejected. */
export class MaxStepsError extends SparseflowError {
  declare readonly report: FailureReport;
}

/** The state holds NaN or Infinity: from the start, or after a fixed step. */
export class NonFiniteStateError extends SparseflowError {
  declare readonly report: FailureReport;
}

/** The vector field gives NaN or Infinity at a finite state, or however short the step from it. */
export class NonFiniteDerivativeError extends SparseflowError {
  declare readonly report: FailureReport;
}

/** A required event did not fire before `t1`. */
export class EventNotBracketedError extends SparseflowError {
  declare readonly report: FailureReport;
}

/** The value of an event is no number, or NaN: it has no sign that could change. */
export class EventValueError extends SparseflowError {
  declare readonly report: FailureReport;
}

const CLASSES = {
  underflow: StepSizeUnderflowError,
  maxSteps: MaxStepsError,
  maxRejects: MaxStepsError,
  state: NonFiniteStateError,
  derivative: NonFiniteDerivativeError,
  event: EventNotBracketedError,
  eventValue: EventValueError,
} as const satisfies Readonly<Record<FailureKind, unknown>>;

/** The typed error of a failed solve. */
export function solveError(report: FailureReport): SparseflowError {
  const { kind, code, what, remedy } = report;
  return Object.assign(new CLASSES[kind](code, what, remedy), { report });
}
