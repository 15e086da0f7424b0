import { describe, expect, it } from 'vitest';
import { activations, grad, key, mapTree, randomNormal, splitKey, sum, tensor } from '@sparseflow/tensor';
import type { ActivationName, Key, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { cases, maxDifference, paramsOf } from '../../test/fixtures.ts';
import { dualPass, type Field } from '../field.ts';
import { mlp } from '../fields/mlp.ts';
import { contract, type Divergence } from './divergence.ts';
import { exact } from './exact.ts';
import { hutchinson } from './hutchinson.ts';

const backend = createReferenceBackend();

function divergenceAt(d: Divergence, field: Field, params: Params, z: Tensor, probeKey?: Key): Tensor {
  const probes = d.probes(z.shape[0]!, field.dim, probeKey, z);
  return contract(d, probes, dualPass(field, params, 0, z, probes));
}

describe.each(cases)('the original implementation, $activation $dims', (c) => {
  const field = mlp({ dim: 2, hidden: c.dims.slice(1, -1), activation: c.activation });
  const params = paramsOf(c.weights, backend);
  const x = tensor(c.x, { backend });

  it('agrees on f, its trace and the trace estimate with given noise', () => {
    // Sums of a few dozen terms of order 1: rounding stays below 1e-14.
    expect(maxDifference(field.apply(params, 0, x), c.f_at_x)).toBeLessThan(1e-13);
    expect(maxDifference(divergenceAt(exact(), field, params, x), c.trace_at_x)).toBeLessThan(1e-13);
    const given: Divergence = { ...hutchinson(), probes: () => tensor([c.noise], { backend }) };
    expect(maxDifference(divergenceAt(given, field, params, x), c.hutch_at_x)).toBeLessThan(1e-13);
  });

  it('the default dual pass, by forward mode, agrees with the fused one', () => {
    const { dual: _, ...plain } = field;
    const probes = exact().probes(x.shape[0]!, 2, undefined, x);
    const fused = dualPass(field, params, 0, x, probes);
    const derived = dualPass(plain, params, 0, x, probes);
    expect(maxDifference(fused.value, Array.from(derived.value.dataSync()))).toBeLessThan(1e-14);
    expect(maxDifference(fused.tangent, Array.from(derived.tangent.dataSync()))).toBeLessThan(1e-14);
  });
});

describe.each(Object.keys(activations) as ActivationName[])('the gradient of the divergence, %s', (activation) => {
  const field = mlp({ dim: 2, hidden: [7, 5], activation });
  const [paramKey, dataKey, probeKey] = splitKey(key(11), 3);
  const params = field.init(paramKey!, { backend });
  const z = randomNormal(dataKey!, [4, 2], { backend });

  it.each([exact(), hutchinson(), hutchinson({ noise: 'rademacher', count: 3 })])(
    '$name equals central differences',
    (d) => {
      const total = (p: Params): Tensor => sum(divergenceAt(d, field, p, z, probeKey));
      const gradient = grad(total)(params);
      // Central differences: truncation ~ h² / 6 · f''' and rounding ~ 2⁻⁵³ |f| / h; both near 1e-10 at h = 1e-5.
      const h = 1e-5;
      for (const [name, values] of Object.entries(params)) {
        const host = values.dataSync();
        const analytic = gradient[name]!.dataSync();
        host.forEach((_, i) => {
          const moved = (by: number): number => {
            const shifted = host.slice();
            shifted[i]! += by;
            const at = { ...params, [name]: tensor(shifted, { backend, shape: values.shape }) };
            return total(at).dataSync()[0]!;
          };
          expect(Math.abs(analytic[i]! - (moved(h) - moved(-h)) / (2 * h)), `${name}[${i}]`).toBeLessThan(1e-6);
        });
      }
    },
  );
});

describe('hutchinson', () => {
  const field = mlp({ dim: 3, hidden: [9], activation: 'tanh' });
  const params = mapTree(field.init(key(1), { backend }), (x) => x);
  const z = randomNormal(key(2), [1, 3], { backend });
  const draws = (noise: 'gaussian' | 'rademacher', count: number): number[] =>
    splitKey(key(3), count).map((k) => divergenceAt(hutchinson({ noise }), field, params, z, k).dataSync()[0]!);
  const moments = (values: number[]): { mean: number; variance: number } => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1) };
  };

  it('is unbiased, and Rademacher noise varies less than Gaussian', () => {
    const truth = divergenceAt(exact(), field, params, z).dataSync()[0]!;
    const gaussian = moments(draws('gaussian', 1000));
    const rademacher = moments(draws('rademacher', 1000));
    for (const { mean, variance } of [gaussian, rademacher]) {
      // Four standard errors: false alarm once in 16,000 keys; the key is fixed.
      expect(Math.abs(mean - truth)).toBeLessThan(4 * Math.sqrt(variance / 1000));
    }
    expect(rademacher.variance).toBeLessThan(gaussian.variance);
  });

  it('asks for a key, and refuses a count of 0', () => {
    expect(() => hutchinson().probes(1, 1, undefined, { backend })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: hutchinson: no random key. To fix: pass { key } with the call, for example { key: key(0) }.]`,
    );
    expect(() => hutchinson({ count: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: hutchinson: a count of 0. To fix: give a positive integer.]`,
    );
  });
});
