import type { FailureReport } from '../failure.ts';

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
