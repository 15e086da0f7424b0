import { SparseflowError } from '@sparseflow/tensor';
import type { FailureKind, FailureReport } from './failure.ts';

/** The step size no longer moves the time: the problem is stiff or singular there, or the tolerances are out of reach. */
export class StepSizeUnderflowError extends SparseflowError {
  readonly report: FailureReport;

  constructor(report: FailureReport) {
    super(report.code, report.what, report.remedy);
    this.report = report;
  }
}

/** `t1` was not reached in `maxSteps` attempted steps, or `maxRejects` in a row were rejected. */
export class MaxStepsError extends SparseflowError {
  readonly report: FailureReport;

  constructor(report: FailureReport) {
    super(report.code, report.what, report.remedy);
    this.report = report;
  }
}

/** The state holds NaN or Infinity: from the start, or after a fixed step. */
export class NonFiniteStateError extends SparseflowError {
  readonly report: FailureReport;

  constructor(report: FailureReport) {
    super(report.code, report.what, report.remedy);
    this.report = report;
  }
}

/** The vector field gives NaN or Infinity at a finite state, or however short the step from it. */
export class NonFiniteDerivativeError extends SparseflowError {
  readonly report: FailureReport;

  constructor(report: FailureReport) {
    super(report.code, report.what, report.remedy);
    this.report = report;
  }
}

/** A required event did not fire before `t1`. */
export class EventNotBracketedError extends SparseflowError {
  readonly report: FailureReport;

  constructor(report: FailureReport) {
    super(report.code, report.what, report.remedy);
    this.report = report;
  }
}

const CLASSES = {
  underflow: StepSizeUnderflowError,
  maxSteps: MaxStepsError,
  maxRejects: MaxStepsError,
  state: NonFiniteStateError,
  derivative: NonFiniteDerivativeError,
  event: EventNotBracketedError,
} as const satisfies Readonly<Record<FailureKind, unknown>>;

/** The typed error of a failed solve. */
export function solveError(report: FailureReport): SparseflowError {
  return new CLASSES[report.kind](report);
}
