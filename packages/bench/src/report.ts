/** The suites that can be run. */
export const SUITES = ['kernels', 'step', 'sparse', 'pruned', 'hessian', 'peers', 'browser', 'webgpu', 'ode'] as const;

export type Suite = (typeof SUITES)[number];

/** One measurement. */
export interface Row {
  /** What the work is: a network of the catalogue, a study, or a matrix product. */
  readonly case: string;
  /** forward, vjp, step, … */
  readonly op: string;
  readonly implementation: string;
  readonly threads: number;
  /** Median, in milliseconds. */
  readonly ms: number;
  /** Half the distance between the quartiles over the median. */
  readonly spread: number;
  /** Useful arithmetic per time; null where the work is not counted. */
  readonly gflops: number | null;
  /** Of this implementation's own peak on as many threads; null where that is not known. */
  readonly shareOfPeak: number | null;
  /** Evaluations of the dynamics, forward and in the adjoint, of a whole step. */
  readonly nfe?: readonly [forward: number, backward: number];
  /** Distance of the result from the right one. */
  readonly error?: number;
  /** How many times less this takes than other implementations of the same work. */
  readonly speedups?: Readonly<Record<string, number>>;
  /** What else there is to say. */
  readonly note?: string;
}

/** A peak that was measured in this run. */
export interface Peak {
  readonly implementation: string;
  readonly threads: number;
  readonly gflops: number;
}

export interface Report {
  readonly schema: 1;
  readonly suite: Suite;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly platform: string; readonly node: string };
  /** Multiply-adds on registers: the highest of `peaks`; null where no compiled kernels run. */
  readonly peakGflops: number | null;
  readonly peaks: readonly Peak[];
  readonly rows: readonly Row[];
  /** What could not be measured, and how to make it measurable. */
  readonly notes: readonly string[];
}
