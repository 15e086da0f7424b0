import { hermiteDense, type DenseOutput } from '../solver.ts';

/**
 * A singly diagonally implicit Runge-Kutta method with an explicit first stage, as data: stiffly accurate, so that the last
 * stage is the derivative at the result.
 */
export interface ImplicitSolver {
  readonly name: string;
  readonly order: number;
  readonly embedded: number;
  readonly c: readonly number[];
  /** Row i holds the weights of stages 0 to i; the last of each but the first is `gamma`. */
  readonly a: readonly (readonly number[])[];
  readonly gamma: number;
  /** The weights of the stages in the error estimate. */
  readonly error: readonly number[];
  readonly dense: DenseOutput;
}

const g = 0.5728160625;
const poly = (...coefficients: number[]): number => coefficients.reduce((sum, c) => sum * g + c, 0);

/** The third stage's weights, and those of the solution of order 3, by Kværnø's formulas in γ. */
const a3 = [
  (poly(144, -180, 81, -15, 1) * g) / poly(12, -6, 1) ** 2,
  (poly(-36, 39, -15, 2) * g) / poly(12, -6, 1) ** 2,
];
const a4 = [
  poly(-144, 396, -330, 117, -18, 1) / (12 * g ** 2 * poly(12, -9, 2)),
  poly(72, -126, 69, -15, 1) / (12 * g ** 2 * poly(3, -1)),
  (poly(-6, 6, -1) * poly(12, -6, 1) ** 2) / (12 * g ** 2 * poly(12, -9, 2) * poly(3, -1)),
];
const a5 = [
  poly(288, -312, 120, -18, 1) / (48 * g ** 2 * poly(12, -9, 2)),
  poly(24, -12, 1) / (48 * g ** 2 * poly(3, -1)),
  -(poly(12, -6, 1) ** 3) / (48 * g ** 2 * poly(3, -1) * poly(12, -9, 2) * poly(6, -6, 1)),
  poly(-24, 36, -12, 1) / poly(24, -24, 4),
];

/**
 * Kværnø's pair 4(3) for stiff problems: A- and L-stable, four implicit stages that share one matrix.
 *
 * Source: Kværnø 2004, Singly diagonally implicit Runge-Kutta methods with an explicit first stage.
 */
export const kvaerno4: ImplicitSolver = {
  name: 'kvaerno4',
  order: 4,
  embedded: 3,
  c: [0, 2 * g, a3[0]! + a3[1]! + g, 1, 1],
  a: [[0], [g, g], [...a3, g], [...a4, g], [...a5, g]],
  gamma: g,
  dense: { order: 3, weights: hermiteDense([...a5, g]) },
  error: [a5[0]! - a4[0]!, a5[1]! - a4[1]!, a5[2]! - a4[2]!, a5[3]! - g, g],
};
