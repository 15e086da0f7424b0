import type { Problem } from '../cases.ts';

/** What one call computed, for comparing implementations: of a forward pass value and tangent, of a reverse pass x̄, and W̄ and b̄ layer by layer. */
export type Numbers = readonly ArrayLike<number>[];

/** One problem, ready to be timed. A call is over when its results are there. */
export interface Prepared {
  forward(): unknown;
  vjp(): unknown;
  /** Results of one more call each. */
  read(): Promise<{ readonly forward: Numbers; readonly vjp: Numbers }>;
  dispose(): void;
}

/** A way to compute a dual pass and its reverse pass. */
export interface Implementation {
  readonly name: string;
  readonly threads: number;
  /** Too slow to be run more than a few times on problems of more operations than this. */
  readonly patience?: number;
  /** So slow that problems whose reverse pass has more operations than this are left out. */
  readonly limit?: number;
  prepare(problem: Problem): Prepared | Promise<Prepared>;
}
