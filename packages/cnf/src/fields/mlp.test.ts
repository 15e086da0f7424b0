import { describe, expect, it } from 'vitest';
import { disposeTree, key, mapTree, randomNormal, square, sum, tensor, valueAndGrad } from '@sparseflow/tensor';
import type { ActivationName, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { mlp } from './mlp.ts';

const backend = createReferenceBackend();

describe('mlp', () => {
  const field = mlp({ dim: 2, hidden: [64, 32], activation: 'sigmoid' });

  it('draws parameters uniformly within ±1/√in, the same for one key', () => {
    const params = field.init(key(5), { backend });
    expect(Object.entries(params).map(([name, x]) => [name, x.shape])).toEqual([
      ['layers.0.weight', [64, 2]],
      ['layers.0.bias', [64]],
      ['layers.1.weight', [32, 64]],
      ['layers.1.bias', [32]],
      ['layers.2.weight', [2, 32]],
      ['layers.2.bias', [2]],
    ]);
    const w = Array.from(params['layers.1.weight']!.dataSync());
    const bound = 1 / 8;
    expect(Math.max(...w.map(Math.abs))).toBeLessThanOrEqual(bound);
    // Variance bound²/3; with n = 2048 the standard error of the sample variance is about 2 % of it.
    const variance = w.reduce((a, b) => a + b * b, 0) / w.length;
    expect(variance / (bound ** 2 / 3)).toBeGreaterThan(0.92);
    expect(variance / (bound ** 2 / 3)).toBeLessThan(1.08);
    expect(field.init(key(5), { backend })['layers.1.weight']!.dataSync()).toEqual(
      params['layers.1.weight']!.dataSync(),
    );
  });

  it('lists every slice of its neurons, with sizes that fit the parameters', () => {
    const params = field.init(key(0), { backend });
    expect(field.neurons.map(({ name, size }) => [name, size])).toEqual([
      ['layers.0', 64],
      ['layers.1', 32],
    ]);
    for (const { size, axes } of field.neurons)
      for (const { param, axis } of axes) expect(params[param]!.shape[axis]).toBe(size);
  });

  it('gives the same value and gradient through a kernel for whole networks, which may decline', () => {
    const params = field.init(key(1), { backend });
    const points = randomNormal(key(2), [7, 2], { backend });
    let calls = 0;
    const fused = { dualMlp: (): undefined => void calls++ };
    const other = Object.assign(createReferenceBackend(), { fused });
    const moved = (x: Tensor): Tensor => tensor(x.dataSync(), { backend: other, shape: x.shape });
    const there = mapTree(params, moved);
    const before = other.liveBuffers();
    const value = (p: Params, z: Tensor): Tensor => sum(square(field.apply(p, 0, z)));
    const own = valueAndGrad(value)(params, points);
    const z = moved(points);
    const fusedOwn = valueAndGrad(value)(there, z);
    expect(calls).toBeGreaterThan(0);
    expect(fusedOwn.value.dataSync()).toEqual(own.value.dataSync());
    for (const [name, g] of Object.entries(own.grad)) {
      const values = Array.from(fusedOwn.grad[name]!.dataSync());
      expect(Math.max(...values.map((v, i) => Math.abs(v - g.dataSync()[i]!)))).toBeLessThan(1e-12);
    }
    disposeTree([z, fusedOwn]);
    field.apply(there, 0, moved(points)).dispose();
    expect(other.liveBuffers()).toBe(before + 1); // the points just moved
  });

  it('refuses bad widths and unknown activations', () => {
    expect(() => mlp({ dim: 2, hidden: [0], activation: 'tanh' })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: mlp: a width of 0. To fix: give positive integers.]`,
    );
    expect(() => mlp({ dim: 2, hidden: [4], activation: 'gelu' as ActivationName })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: mlp: unknown activation 'gelu'. To fix: use one of sigmoid, tanh, softplus, relu, elu, swish, identity.]`,
    );
  });
});
