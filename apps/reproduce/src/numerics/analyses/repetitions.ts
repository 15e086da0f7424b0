import type { Quantity } from '../../results/schema.ts';

/** Means of quantities over repetitions, with their standard errors. */
export function overRepetitions(
  measured: readonly Readonly<Record<string, number>>[],
): Readonly<Record<string, Quantity>> {
  return Object.fromEntries(
    Object.keys(measured[0]!).map((name) => [name, estimate(measured.map((one) => one[name]!))] as const),
  );
}

function estimate(values: readonly number[]): Quantity {
  const n = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1);
  return { value, standardError: n > 1 ? Math.sqrt(variance / n) : null };
}
