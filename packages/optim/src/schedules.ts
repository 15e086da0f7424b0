import { ValueError } from '@sparseflow/tensor';

/** A learning rate as a pure function of a count from 0, of steps or of epochs, whichever the caller counts. */
export type Schedule = (count: number) => number;

/** The same value for ever. */
export function constant(value: number): Schedule {
  return () => value;
}

/**
 * Multiplies by `factor` (default 0.1) once at each milestone that was reached.
 *
 * @throws {ValueError} when the milestones do not ascend
 *
 * @example
 * ```ts
 * import { multiStep } from '@sparseflow/optim';
 *
 * const rate = multiStep({ initial: 1, milestones: [90, 97], factor: 0.5 });
 * console.log(rate(89), rate(90), rate(97)); // 1 0.5 0.25
 * ```
 */
export function multiStep(options: {
  readonly initial: number;
  readonly milestones: readonly number[];
  readonly factor?: number;
}): Schedule {
  const { initial, milestones, factor = 0.1 } = options;
  if (milestones.some((milestone, i) => !(milestone > (milestones[i - 1] ?? -Infinity)))) {
    throw new ValueError('multiStep', `milestones ${milestones.join(', ')} do not ascend`, 'sort them, each once');
  }
  return (count) => initial * factor ** milestones.filter((milestone) => milestone <= count).length;
}

/**
 * Half a cosine from `initial` at 0 to `final` (default 0) at `period`, and `final` from there on (Loshchilov & Hutter 2017, equation 5,
 * without restarts).
 *
 * @throws {ValueError} when the period is not positive
 *
 * @example
 * ```ts
 * import { cosine } from '@sparseflow/optim';
 *
 * const rate = cosine({ initial: 1, period: 100 });
 * console.log(rate(0), rate(50).toFixed(3), rate(100)); // 1 '0.500' 0
 * ```
 */
export function cosine(options: {
  readonly initial: number;
  readonly period: number;
  readonly final?: number;
}): Schedule {
  const { initial, period, final = 0 } = options;
  if (!(period > 0)) throw new ValueError('cosine', `period ${period}`, 'give a positive number of steps or epochs');
  return (count) =>
    count >= period ? final : final + ((initial - final) * (1 + Math.cos((Math.PI * count) / period))) / 2;
}
