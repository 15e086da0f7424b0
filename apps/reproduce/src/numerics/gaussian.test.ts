import { rowsOf } from '@sparseflow/datasets';
import { key, normal } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { fitGaussian, gaussianNll, logScale, whitened } from './gaussian.ts';

/** Rows (2 + 3 a, 1 + a + ½ b) of standard normal a and b: the covariance is [[9, 3], [3, 1.25]]. */
const draws = normal(key(1), 20000);
const points = Float64Array.from(draws, (_, i) => {
  const [a, b] = [draws[i - (i % 2)]!, draws[i - (i % 2) + 1]!];
  return i % 2 === 0 ? 2 + 3 * a : 1 + a + b / 2;
});
const rows = rowsOf({ points, count: 10000, dim: 2 });

test('the fit has the moments of the rows, and their entropy', async () => {
  const fitted = await fitGaussian(rows);
  const [a, , b, c] = fitted.factor as unknown as [number, number, number, number];
  // Standard errors of means and of the factor's entries over 10,000 draws are at most .03.
  const differences = [...fitted.mean, a, b, c].map((value, i) => Math.abs(value - [2, 1, 3, 1, 0.5][i]!));
  expect(Math.max(...differences)).toBeLessThan(0.12);
  // Of its own rows exactly: ½ log det 2πe Σ.
  const entropy = Math.log(2 * Math.PI) + 1 + Math.log(a * c);
  expect(await gaussianNll(fitted, rows)).toBeCloseTo(entropy, 10);
});

test('columns without spread give no number', async () => {
  const flat = rowsOf({ points: Float64Array.of(1, 5, 2, 5, 3, 5), count: 3, dim: 2 });
  expect(await gaussianNll(await fitGaussian(flat), flat)).not.toSatisfy(Number.isFinite);
});

test('in whitened coordinates the rows have the identity as covariance, and the same likelihood', async () => {
  const fitted = await fitGaussian(rows);
  const standard = whitened(rows, fitted);
  const { mean, factor } = await fitGaussian(standard);
  // Sums of 10,000 terms, each rounded to 2⁻⁵³ of numbers below 10.
  [...mean, ...factor].forEach((value, i) => expect(value).toBeCloseTo([0, 0, 1, 0, 0, 1][i]!, 9));
  const nll = await gaussianNll({ mean, factor }, standard);
  expect(nll + logScale(fitted)).toBeCloseTo(await gaussianNll(fitted, rows), 9);
});
