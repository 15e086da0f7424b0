import { expect, it } from 'vitest';
import { neuralOde } from '@sparseflow/cnf';
import { rk4 } from '@sparseflow/ode-solvers';
import { key, mul, tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { marginQuantities, noisyAccuracy, seePlane } from './robustness.ts';

const backend = createReferenceBackend();

/** The state stands still, so with a linear read-out this is a linear classifier: class 1 where w·x + b > 0. */
const model = neuralOde({
  field: { dim: 2, init: () => ({}), apply: (_params, _t, z) => mul(z, 0), neurons: [] },
  classes: 2,
  solver: rk4,
  steps: 1,
});
const [w, b] = [[0.6, 0.8], -0.2] as const;
const params = {
  'readout.weight': tensor([[0, 0], [...w]], { backend }),
  'readout.bias': tensor([0, b], { backend }),
};
const distance = (x: number, y: number): number => w[0] * x + w[1] * y + b;

const points = Float64Array.of(1, 1, -1, 0.5, 0.3, 0, 0, 0.1);
const split = { points, labels: Int32Array.of(1, 0, 1, 0), count: 4, dim: 2 };

it('the margins of a linear classifier are its distances, negative where it is wrong', async () => {
  const plane = await seePlane(model, params, 30, 3, backend);
  expect(plane.difference).toHaveLength(900);
  const signed = [distance(1, 1), -distance(-1, 0.5), distance(0.3, 0), -distance(0, 0.1)];
  const predicted = await model.predict(params, tensor(points, { backend, shape: [4, 2] }));
  expect([...predicted]).toEqual([1, 0, 0, 0]);
  const { margin, marginLow, marginLeast } = marginQuantities(plane, 3, split, predicted);
  expect(margin.value).toBeCloseTo(signed.reduce((sum, value) => sum + value, 0) / 4, 10);
  const sorted = signed.toSorted((p, q) => p - q);
  expect(marginLeast.value).toBeCloseTo(sorted[0]!, 10);
  expect(marginLow.value).toBeCloseTo(sorted[0]! + 0.15 * (sorted[1]! - sorted[0]!), 10);
});

it('its accuracy under noise is that of the normal distribution', async () => {
  // Noise along w is normal with the same σ, so a point at signed distance d keeps its side with probability Φ(d / σ).
  const phi = (t: number): number => {
    let sum = 0;
    const steps = 4000;
    for (let i = 0; i < steps; i++) {
      const at = -8 + ((t + 8) * (i + 0.5)) / steps;
      sum += Math.exp((-at * at) / 2);
    }
    return (sum * ((t + 8) / steps)) / Math.sqrt(2 * Math.PI);
  };
  const sigma = 0.5;
  const expected = (phi(distance(1, 1) / sigma) + phi(-distance(-1, 0.5) / sigma) + phi(distance(0.3, 0) / sigma) + phi(-distance(0, 0.1) / sigma)) / 4; // prettier-ignore
  const found = await noisyAccuracy(model, params, split, { sigma, repeats: 2000, key: key(3), backend });
  // Each draw has four points with variance at most 1/4: a standard error of at most 1/√(4 · 4 · 2000) = 0.0056.
  expect(found.standardError!).toBeLessThan(0.0057);
  expect(Math.abs(found.value - expected)).toBeLessThan(4 * found.standardError!);
  expect(await noisyAccuracy(model, params, split, { sigma: 0, repeats: 1, key: key(3), backend })).toEqual({
    value: 0.75,
    standardError: null,
  });
});

it('leaves no buffers', async () => {
  const before = backend.liveBuffers();
  await seePlane(model, params, 8, 3, backend);
  await noisyAccuracy(model, params, split, { sigma: 1, repeats: 3, key: key(3), backend });
  expect(backend.liveBuffers()).toBe(before);
});
