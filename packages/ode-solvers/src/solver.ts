/** A polynomial interpolant inside a step: y(t + θ dt) = y + dt Σᵢ wᵢ(θ) kᵢ with wᵢ(θ) = Σⱼ weights[i][j] θ^(j+1). */
export interface DenseOutput {
  /** From an exact state, one step's output is off by O(dt^(order + 1)), and its derivative by O(dt^order). */
  readonly order: number;
  /** A row of polynomial coefficients, without the constant, for each stage. */
  readonly weights: readonly (readonly number[])[];
}

/**
 * An explicit Runge-Kutta method as data (its Butcher tableau). The engine derives everything else, for tensors, plain arrays
 * and adjoints alike: a new solver is one file that exports one of these, and one line in `solvers`.
 */
export interface Solver {
  readonly name: string;
  /** The global order of the solution. It also sets the exponent of the step-size control. */
  readonly order: number;
  /** The stages' times, as fractions of the step. */
  readonly c: readonly number[];
  /** Row i holds the weights of the stages before stage i in its state. */
  readonly a: readonly (readonly number[])[];
  /** The weights of the stages in the result. */
  readonly b: readonly number[];
  /** The weights of the stages in the error estimate, b - b̂. Without it the method takes fixed steps only. */
  readonly error?: readonly number[];
  /** The order of b̂. */
  readonly embedded?: number;
  /** First same as last: the last stage is the derivative at the result (its row of `a` is `b`), hence the next step's first. */
  readonly fsal: boolean;
  readonly dense: DenseOutput;
}

/** The weights wᵢ(θ) of the stages in y(t + θ dt) - y, per unit of dt. */
export function denseWeights(solver: Pick<Solver, 'dense'>, theta: number): number[] {
  return solver.dense.weights.map((row) => row.reduceRight((sum, w) => (sum + w) * theta, 0));
}

/** The weights wᵢ'(θ) of the stages in dy/dt at t + θ dt. */
export function slopeWeights(solver: Solver, theta: number): number[] {
  return solver.dense.weights.map((row) => row.reduceRight((sum, w, j) => sum * theta + (j + 1) * w, 0));
}

/**
 * The quartic through the state and slope at both ends of a step and the state at its midpoint, as weights of the stages
 * (Shampine 1986). The first stage must be the slope at the start, the last one the slope at the end.
 * @param midpoint weights of the stages in y(t + dt / 2)
 */
export function quarticDense(b: readonly number[], midpoint: readonly number[]): number[][] {
  return b.map((end, i) => {
    const first = i === 0 ? 1 : 0;
    const last = i === b.length - 1 ? 1 : 0;
    const middle = midpoint[i]!;
    return [
      first,
      last - 4 * first - 5 * end + 16 * middle,
      5 * first - 3 * last + 14 * end - 32 * middle,
      2 * (last - first) - 8 * end + 16 * middle,
    ];
  });
}

/**
 * The cubic through the state and slope at both ends of a step, as weights of the stages: of order 3. The first stage must be
 * the slope at the start, the last one the slope at the end.
 */
export function hermiteDense(b: readonly number[]): number[][] {
  return b.map((end, i) => {
    const first = i === 0 ? 1 : 0;
    const last = i === b.length - 1 ? 1 : 0;
    return [first, 3 * end - 2 * first - last, first + last - 2 * end];
  });
}
