/** Whether a step with this ratio of error to tolerance is good enough; a forced one is whatever its finite error. */
export function accepts({ forced }: { readonly forced: boolean }, ratio: number): boolean {
  return ratio <= 1 || (forced && ratio < Infinity);
}

/** Coefficients of the proportional, integral and derivative part of a step-size controller (Söderlind 2003). */
export interface PidCoefficients {
  readonly p: number;
  readonly i: number;
  readonly d: number;
}

/** Controllers by name. */
export type ControllerName = 'I' | 'PI' | 'PID';

/**
 * I: the elementary controller. PI: Gustafsson's PI.3.4, which smooths the steps where stability limits them. PID: Söderlind's
 * digital filter H312, the smoothest.
 */
const PRESETS: Readonly<Partial<Record<ControllerName, PidCoefficients>>> = {
  PI: { p: 0.4, i: 0.3, d: 0 },
  PID: { p: -2 / 9, i: 2 / 9, d: 1 / 18 },
};

/** The coefficients of a controller; undefined for the plain integral one. */
export function pidOf(controller: ControllerName | PidCoefficients): PidCoefficients | undefined {
  return typeof controller === 'string' ? PRESETS[controller] : controller;
}

/** How the step size follows the error estimate. */
export interface Control {
  readonly safety: number;
  readonly minFactor: number;
  readonly maxFactor: number;
  /** Without it the controller is the integral one. */
  readonly pid?: PidCoefficients | undefined;
  /** safety^order: from here to 1 the error ratio leaves the integral controller's step as it is, and no power is needed to say so. */
  readonly flat?: number;
}

/** Errors are not remembered as smaller than this: a step without error says nothing about the next. */
const SMALLEST = 1e-10;

/**
 * The factor from one step size to the next. The integral controller takes the one that would bring the error ratio to 1, times
 * a safety factor, within limits; an accepted step is not followed by a smaller one because of the lower limit (Hairer, Nørsett &
 * Wanner, Solving ODEs I, II.4, with torchdiffeq's limits). The others also look at the error ratios `earlier` of the last two
 * accepted steps, the latest first; after a rejection the integral one takes over.
 */
export function stepFactor(ratio: number, order: number, control: Control, earlier: readonly number[] = []): number {
  const { safety, minFactor, maxFactor, pid, flat = 1 } = control;
  if (ratio === 0) return maxFactor;
  if (pid && ratio <= 1) return pidFactor(ratio, order, control, pid, earlier);
  if (ratio >= flat && ratio < 1) return 1;
  // ratio^(-1/order), in a third of the time that a power takes.
  const wanted = safety * Math.exp(-Math.log(ratio) / order);
  return Math.min(maxFactor, Math.max(wanted || 0, ratio < 1 ? 1 : minFactor));
}

/** Apart, as the integral controller is then short enough to be compiled into the loop over steps. */
function pidFactor(
  ratio: number,
  order: number,
  { safety, minFactor, maxFactor }: Control,
  { p, i, d }: PidCoefficients,
  earlier: readonly number[],
): number {
  const log = (e = 1): number => Math.log(Math.max(e, SMALLEST));
  // The logarithm of a product of three powers.
  const sum = (p + 2 * d) * log(earlier[0]) - (p + i + d) * log(ratio) - d * log(earlier[1]);
  return Math.min(maxFactor, Math.max(minFactor, safety * Math.exp(sum / order)));
}

/** A step so small that explicit Euler is safe, from the scaled norms of the state and of its derivative (ibid., step a). */
export function probeStep(d0: number, d1: number): number {
  const h = (0.01 * d0) / d1;
  return d0 >= 1e-5 && d1 >= 1e-5 && h > 0 && h < Infinity ? h : 1e-6;
}

/** The first step, from the probe's length and the scaled norms of the first and second derivative (ibid., steps e and f). */
export function firstStep(probe: number, d1: number, d2: number, order: number): number {
  const largest = Math.max(d1, d2);
  const h = largest <= 1e-15 ? Math.max(1e-6, probe * 1e-3) : (0.01 / largest) ** (1 / order);
  return largest < Infinity ? Math.min(100 * probe, h) : probe;
}
