/** How the step size follows the error estimate. */
export interface Control {
  readonly safety: number;
  readonly minFactor: number;
  readonly maxFactor: number;
}

/**
 * The integral controller: the factor from one step size to the next that would bring the error ratio to 1, times a safety
 * factor, within limits; an accepted step is not followed by a smaller one because of the lower limit (Hairer, Nørsett &
 * Wanner, Solving ODEs I, II.4, with torchdiffeq's limits).
 */
export function stepFactor(ratio: number, order: number, { safety, minFactor, maxFactor }: Control): number {
  if (ratio === 0) return maxFactor;
  return Math.min(maxFactor, Math.max(safety / ratio ** (1 / order), ratio < 1 ? 1 : minFactor));
}

/** A step so small that explicit Euler is safe, from the scaled norms of the state and of its derivative (ibid., step a). */
export function probeStep(d0: number, d1: number): number {
  const h = (0.01 * d0) / d1;
  return d0 < 1e-5 || d1 < 1e-5 || !(h > 0 && h < Infinity) ? 1e-6 : h;
}

/** The first step, from the probe's length and the scaled norms of the first and second derivative (ibid., steps e and f). */
export function firstStep(probe: number, d1: number, d2: number, order: number): number {
  const largest = Math.max(d1, d2);
  if (!(largest < Infinity)) return probe;
  const h = largest <= 1e-15 ? Math.max(1e-6, probe * 1e-3) : (0.01 / largest) ** (1 / order);
  return Math.min(100 * probe, h);
}
