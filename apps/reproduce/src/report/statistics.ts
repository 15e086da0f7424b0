/** A mean with its standard error; the error is null for a single value, which says nothing about spread. */
export interface Estimate {
  readonly mean: number;
  readonly standardError: number | null;
  readonly count: number;
}

/**
 * Mean and standard error, s / √n with the unbiased s.
 *
 * @example
 * meanOf([1, 3]); // { mean: 2, standardError: 1, count: 2 }
 */
export function meanOf(values: readonly number[]): Estimate | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, standardError: null, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, standardError: Math.sqrt(variance / count), count };
}

// Two-sided 95 % points of Student's t for 1 … 30 degrees of freedom.
const studentT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** The same for more: the expansion about the normal distribution (Abramowitz & Stegun 26.7.5), whose error is below 1e-4 there. */
function studentTOfMany(freedom: number): number {
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}

/** Half width of the 95 % confidence interval of a mean, by Student's t; null where there is no standard error. */
export function confidence95({ standardError, count }: Estimate): number | null {
  if (standardError === null) return null;
  return standardError * (studentT[count - 2] ?? studentTOfMany(count - 1));
}

/** A minus sign that is one, and digits that line up. */
export function formatNumber(value: number, digits = 3): string {
  const text = Math.abs(value) < LARGE ? value.toFixed(digits) : value.toExponential(1).replace('e+', 'e');
  return text.replace(/^-(?=0\.?0*$)/, '').replace('-', '−');
}

/** From here on digits are counted, not written. */
const LARGE = 1e7;

/** Such as `1.247` or `1.258 ± 0.006`. */
export function formatEstimate({ mean, standardError }: Estimate, digits = 3): string {
  return standardError === null
    ? formatNumber(mean, digits)
    : `${formatNumber(mean, digits)} ± ${formatNumber(standardError, digits)}`;
}

/** With its sign, for differences. */
export function formatSigned(value: number, digits = 3): string {
  const text = formatNumber(value, digits);
  return text.startsWith('−') || Number(value.toFixed(digits)) === 0 ? text : `+${text}`;
}
