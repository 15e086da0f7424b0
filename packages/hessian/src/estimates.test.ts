import { describe, expect, it } from 'vitest';
import { key, normal, splitKey, sum, square, tensor, type Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { dense, matrixOperator } from '../test/dense.ts';
import { filterNormalizedDirection, landscape } from './landscape.ts';
import { lanczos } from './lanczos.ts';
import { powerIteration } from './powerIteration.ts';
import { spectralDensity } from './spectralDensity.ts';
import { diagonalEstimate, hutchinsonTrace, hutchPlusPlusTrace } from './trace.ts';
import { tridiagonalEigen } from './tridiagonal.ts';

/** Q diag(values) Qᵀ for a product of reflections Q. */
function withSpectrum(values: readonly number[], reflections = 3): ReturnType<typeof matrixOperator> {
  const n = values.length;
  let m = values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
  for (const k of splitKey(key(77), 3).slice(0, reflections)) {
    const u = normal(k, n);
    const length = u.reduce((total, x) => total + x * x, 0);
    const h = values.map((_, i) => values.map((__, j) => (i === j ? 1 : 0) - (2 * u[i]! * u[j]!) / length));
    const times = (a: number[][], b: number[][]): number[][] =>
      a.map((row) => b[0]!.map((_, j) => row.reduce((t, x, l) => t + x * b[l]![j]!, 0)));
    m = times(times(h, m), h);
  }
  return matrixOperator(m);
}

describe('tridiagonalEigen', () => {
  it('has the eigenvalues 2 - 2 cos(kπ / (n + 1)) of the second difference', () => {
    const n = 30;
    const { values, vectors } = tridiagonalEigen(new Array<number>(n).fill(2), new Array<number>(n - 1).fill(-1));
    values.forEach((value, k) => expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 12));
    for (const v of vectors) expect(Math.hypot(...v)).toBeCloseTo(1, 12);
  });

  it('copes with zeros off the diagonal and a single entry', () => {
    expect(tridiagonalEigen([3, 1, 2], [0, 0]).values).toEqual([1, 2, 3]);
    expect(tridiagonalEigen([5], [])).toEqual({ values: [5], vectors: [[1]] });
  });
});

describe('lanczos', () => {
  const operator = withSpectrum([-9, -1, 0.1, 0.2, 0.3, 2, 2, 7, 8]);

  it.each([
    ['magnitude', [-9, 8, 7]],
    ['largest', [8, 7, 2]],
    ['smallest', [-9, -1, 0.1]],
  ] as const)('which = %s', async (which, expected) => {
    const { values, converged } = await lanczos(operator, { k: 3, which, key: key(0) });
    values.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 9));
    expect(converged).toBe(true);
  });

  it('finds all copies of an eigenvalue, and the identity', async () => {
    const { values } = await lanczos(operator, { k: 4, which: 'largest', key: key(1) });
    values.forEach((value, i) => expect(value).toBeCloseTo([8, 7, 2, 2][i]!, 9));
    const identity = await lanczos(withSpectrum([1, 1, 1, 1]), { k: 3, key: key(2) });
    identity.values.forEach((value) => expect(value).toBeCloseTo(1, 12));
  });

  it('says when it has not converged, and can be continued', async () => {
    const wide = withSpectrum(Array.from({ length: 60 }, (_, i) => Math.cos(i)));
    const short = await lanczos(wide, { k: 2, which: 'largest', maxIterations: 6, key: key(3) });
    expect([short.converged, short.iterations]).toEqual([false, 6]);
    const resumed = await lanczos(wide, { k: 2, which: 'largest', key: key(3), state: short.state });
    const whole = await lanczos(wide, { k: 2, which: 'largest', key: key(3) });
    expect(resumed.values).toEqual(whole.values);
    expect(resumed.converged).toBe(true);
    const truth = Array.from({ length: 60 }, (_, i) => Math.cos(i)).sort((a, b) => b - a);
    whole.values.forEach((value, i) => expect(Math.abs(value - truth[i]!)).toBeLessThan(1e-8 + whole.residuals[i]!));
  });

  it('power iteration agrees', async () => {
    const { values, converged } = await powerIteration(operator, { k: 3, key: key(4) });
    expect(converged).toBe(true);
    values.forEach((value, i) => expect(value).toBeCloseTo([-9, 8, 7][i]!, 9));
  });
});

describe('traces', () => {
  // A few eigenvalues dominate: what Hutch++ is for.
  const spectrum = Array.from({ length: 40 }, (_, i) => 100 * 0.5 ** i);
  const operator = withSpectrum(spectrum);
  const truth = spectrum.reduce((a, b) => a + b);

  it('are within three standard errors, with either noise', async () => {
    for (const noise of ['rademacher', 'gaussian'] as const) {
      const { value, standardError } = await hutchinsonTrace(operator, { samples: 300, noise, key: key(5) });
      expect(Math.abs(value - truth)).toBeLessThan(3 * standardError);
    }
  });

  it('Hutch++ is closer at equal products', async () => {
    const errors = { plain: 0, plus: 0 };
    for (const k of splitKey(key(6), 20)) {
      errors.plain += Math.abs((await hutchinsonTrace(operator, { samples: 30, key: k })).value - truth);
      errors.plus += Math.abs((await hutchPlusPlusTrace(operator, { samples: 10, key: k })).value - truth);
    }
    expect(errors.plus).toBeLessThan(errors.plain / 10);
  });

  it('Hutch++ is exact when the sketch spans everything; Hutchinson with signs is exact on a diagonal', async () => {
    const small = withSpectrum([1, 2, 3]);
    expect(await hutchPlusPlusTrace(small, { samples: 3, key: key(7) })).toMatchObject({ standardError: 0 });
    expect((await hutchPlusPlusTrace(small, { samples: 3, key: key(7) })).value).toBeCloseTo(6, 12);
    const diagonal = withSpectrum([1, 2, 3], 0);
    expect((await hutchinsonTrace(diagonal, { samples: 2, key: key(8) })).value).toBeCloseTo(6, 12);
    expect(Array.from((await diagonalEstimate(diagonal, { samples: 2, key: key(8) })).values)).toEqual([1, 2, 3]);
  });

  it('the diagonal is within four of its standard errors everywhere', async () => {
    const { values, standardErrors } = await diagonalEstimate(operator, { samples: 400, key: key(9) });
    const exact = await Promise.all(
      Array.from(values, async (_, i) => (await operator.apply(new Float64Array(40).fill(1, i, i + 1)))[i]!),
    );
    exact.forEach((value, i) => expect(Math.abs(values[i]! - value)).toBeLessThan(4 * standardErrors[i]! + 1e-12));
  });

  it('refuse no samples', async () => {
    await expect(hutchinsonTrace(operator, { samples: 0, key: key(0) })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[HessianError: trace: 0 samples. To fix: give a positive whole number.]`,
    );
  });
});

describe('spectralDensity', () => {
  it('finds two clusters with their masses, and integrates to 1', async () => {
    const operator = withSpectrum([
      ...Array.from({ length: 60 }, (_, i) => -1 + 0.002 * i),
      ...Array.from({ length: 20 }, (_, i) => 3 + 0.002 * i),
    ]);
    const density = await spectralDensity(operator, { probes: 30, steps: 20, key: key(10) });
    for (const { weights } of density.nodes) expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 10);
    const upper = density.average((x) => (x > 1 ? 1 : 0));
    expect(Math.abs(upper.value - 0.25)).toBeLessThan(4 * upper.standardError);
    const grid = Array.from({ length: 800 }, (_, i) => -3 + 0.01 * i);
    const mass = density.at(grid, 0.1).reduce((total, y) => total + 0.01 * y, 0);
    expect(mass).toBeCloseTo(1, 6);
  });

  it('moments are the trace and the squared Frobenius norm, over the dimension', async () => {
    const spectrum = Array.from({ length: 50 }, (_, i) => 3 * Math.sin(i) + 1);
    const operator = withSpectrum(spectrum);
    const density = await spectralDensity(operator, { probes: 40, steps: 25, key: key(12) });
    const matrix = await dense(operator);
    const trace = matrix.reduce((total, row, i) => total + row[i]!, 0);
    const frobenius = matrix.flat().reduce((total, x) => total + x * x, 0);
    const [first, second] = [density.average((x) => x), density.average((x) => x * x)];
    expect(Math.abs(first.value - trace / 50)).toBeLessThan(3 * first.standardError);
    expect(Math.abs(second.value - frobenius / 50)).toBeLessThan(3 * second.standardError);
    // Gauss quadrature with m nodes is exact for polynomials of degree 2m - 1, so few steps give the same moments.
    const few = await spectralDensity(operator, { probes: 40, steps: 2, key: key(12) });
    expect(few.average((x) => x * x).value).toBeCloseTo(second.value, 9);
  });

  it('a uniform spectrum is flat inside', async () => {
    const operator = withSpectrum(Array.from({ length: 100 }, (_, i) => i / 99));
    const density = await spectralDensity(operator, { probes: 30, steps: 40, key: key(13) });
    const inside = density.at(
      Array.from({ length: 50 }, (_, i) => 0.15 + (0.7 * i) / 49),
      0.05,
    );
    expect(Math.min(...inside)).toBeGreaterThan(Math.max(...inside) / 2);
  });

  it('a full recurrence gives moments of the spectrum that a probe sees exactly', async () => {
    const operator = withSpectrum([1, 2, 3, 4]);
    const density = await spectralDensity(operator, { probes: 200, key: key(11) });
    const second = density.average((x) => x * x);
    expect(Math.abs(second.value - 7.5)).toBeLessThan(4 * second.standardError);
  });
});

describe('landscape', () => {
  const backend = createReferenceBackend();
  const params = {
    w: tensor(
      [
        [3, 4],
        [0, 2],
      ],
      { backend },
    ),
    b: tensor([1, 2], { backend }),
  };

  it('directions have the norm of each filter, and leave biases and pruned weights', async () => {
    const masks = {
      w: tensor(
        [
          [1, 0],
          [1, 1],
        ],
        { backend },
      ),
    };
    const d = await filterNormalizedDirection(params, key(0), masks);
    const w = d['w']!.dataSync();
    expect([Math.abs(w[0]!), w[1]]).toEqual([5, 0]);
    expect(Math.hypot(w[2]!, w[3]!)).toBeCloseTo(2, 12);
    expect(Array.from(d['b']!.dataSync())).toEqual([0, 0]);
  });

  it('of a square is a parabola, on a line and on a plane', async () => {
    const loss = (p: Params): number => sum(square(p['b']!)).dataSync()[0]!;
    const along = {
      w: tensor(
        [
          [0, 0],
          [0, 0],
        ],
        { backend },
      ),
      b: tensor([1, 0], { backend }),
    };
    const across = { ...along, b: tensor([0, 1], { backend }) };
    expect(Array.from((await landscape(loss, params, [along], { x: [-1, 0, 2] })).values)).toEqual([4, 5, 13]);
    expect(Array.from((await landscape(loss, params, [along, across], { x: [0, 1], y: [0, -2] })).values)).toEqual([
      5, 8, 1, 4,
    ]);
    const done: number[] = [];
    const stop = new AbortController();
    const aborted = landscape(
      loss,
      params,
      [along],
      { x: [0, 1, 2] },
      {
        signal: stop.signal,
        onPoint(n) {
          done.push(n);
          if (n === 2) stop.abort();
        },
      },
    );
    await expect(aborted).rejects.toThrow(/abort/);
    expect(done).toEqual([1, 2]);
    await expect(landscape(loss, params, [], { x: [0] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[HessianError: landscape: 0 directions. To fix: give one or two.]`,
    );
  });
});
