import { add, affine, key, matMul, randomNormal, sigmoid, tensor } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chain, chainNeurons, sizeOf } from '../test/models.ts';
import { applyMasks, compact, costReport, magnitude, neuronNorm, prune, pruners, PruningError } from './index.ts';
import type { Compactable, Masks } from './index.ts';

/** A chain of sigmoid layers: a unit without inputs still sends σ(bias), and σ(0) = ½ when its bias is pruned too. */
interface Net extends Compactable<Net> {
  apply(params: Params, x: Tensor): Tensor;
}

function net(hidden: readonly number[]): Net {
  return {
    neurons: chainNeurons(hidden),
    resize: (sizes) => net(hidden.map((_, i) => sizes[`layers.${i}`]!)),
    constants(params, group) {
      const i = Number(group.split('.')[1]);
      const into = [{ weight: `layers.${i + 1}.weight`, bias: `layers.${i + 1}.bias` }];
      return { value: sigmoid(params[`layers.${i}.bias`]!), into };
    },
    apply: (params, x) =>
      Array.from({ length: hidden.length + 1 }).reduce((z: Tensor, _, i) => {
        const u = add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
        return i < hidden.length ? sigmoid(u) : u;
      }, x),
  };
}

const backend = createReferenceBackend();
const x = randomNormal(key(9), [20, 3], { backend });

async function expectSame(hidden: readonly number[], params: Params, masks: Masks) {
  const before = await net(hidden).apply(applyMasks(params, masks), x).data();
  const small = await compact(net(hidden), params, masks);
  const after = await small.model.apply(applyMasks(small.params, small.masks), x).data();
  // Sums of at most 30 terms of order 1 in float64, in another order.
  before.forEach((y, i) => expect(Math.abs(y - after[i]!)).toBeLessThan(1e-12));
  return small;
}

describe('the function stays the same', () => {
  test.each([[[6]], [[8, 5]], [[4, 9, 4]], [[1, 1]]])('hidden layers %j, under any masks', async (hidden) => {
    const { params } = chain(backend, [3, ...hidden, 2], 4);
    const density = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(density, fc.nat(), fc.boolean(), async (keep, seed, withBiases) => {
        const masks = Object.fromEntries(
          Object.entries(params).flatMap(([name, p], i) => {
            if (name.endsWith('bias') && !withBiases) return [];
            const draws = randomNormal(key(seed * 8 + i), p.shape, { backend }).dataSync();
            const threshold = 4 * (keep - 0.5);
            return [
              [
                name,
                tensor(
                  Float64Array.from(draws, (u) => (u < threshold ? 1 : 0)),
                  { backend, shape: p.shape },
                ),
              ],
            ];
          }),
        );
        await expectSame(hidden, params, masks);
      }),
      { numRuns: 60 },
    );
  });

  test.each(pruners.filter(({ needs = [] }) => needs.length === 0).map((pruner) => [pruner.name, pruner] as const))(
    'after %s, and it is smaller',
    async (_, pruner) => {
      const hidden = [12, 12];
      const { params, neurons } = chain(backend, [3, ...hidden, 2], 2);
      const options = { keep: 0.1, neurons, unreachable: 'nearest', deadNeurons: 'remove' } as const;
      const { masks, report } = await prune(params, undefined, pruner, options);
      const small = await expectSame(hidden, params, masks);
      expect(sizeOf(small.params)).toBeLessThan(sizeOf(params) / 2);
      const cost = await costReport(small.params, small.masks);
      // Folding may give a bias that was zero a value.
      expect(cost.nonZeros).toBeLessThanOrEqual(report.size + 12);
    },
  );

  test('structured pruning leaves no masks', async () => {
    const { params, neurons } = chain(backend, [3, 10, 10, 2]);
    const { masks, report } = await prune(params, undefined, neuronNorm, { keep: 0.3, neurons });
    const small = await expectSame([10, 10], params, masks);
    expect(small.masks).toEqual({});
    expect(sizeOf(small.params)).toBe(report.size);
    expect(small.sizes).toEqual(Object.fromEntries(neurons.map(({ name }) => [name, report.neurons[name]!.kept])));
  });
});

test('constants go into the next bias, through a chain of layers', async () => {
  const params = {
    'layers.0.weight': tensor([[5], [1]], { backend }),
    'layers.0.bias': tensor([7, 0], { backend }),
    'layers.1.weight': tensor(
      [
        [1, 3],
        [2, 0],
      ],
      { backend },
    ),
    'layers.1.bias': tensor([0.5, 0], { backend }),
    'layers.2.weight': tensor([[1, 2]], { backend }),
    'layers.2.bias': tensor([9], { backend }),
  };
  const masks = {
    'layers.0.weight': tensor([[0], [1]], { backend }),
    'layers.0.bias': tensor([0, 1], { backend }),
    'layers.1.weight': tensor(
      [
        [1, 1],
        [1, 0],
      ],
      { backend },
    ),
  };
  const { params: small, sizes } = await compact(net([2, 2]), params, masks);
  const sigma = (u: number) => 1 / (1 + Math.exp(-u));
  expect(sizes).toEqual({ 'layers.0': 1, 'layers.1': 1 });
  expect(await small['layers.1.weight']!.data()).toEqual(Float64Array.of(3));
  // ½ from the first unit; the second unit of layer 1 then has no input but 2 · ½.
  expect((await small['layers.1.bias']!.data())[0]).toBeCloseTo(0.5 + 0.5, 14);
  expect((await small['layers.2.bias']!.data())[0]).toBeCloseTo(9 + 2 * sigma(1), 14);
});

test('a folded constant brings a pruned bias back, and the masks say so', async () => {
  const { params } = chain(backend, [3, 2, 2]);
  const masks = {
    'layers.0.weight': tensor(
      [
        [0, 0, 0],
        [1, 0, 1],
      ],
      { backend },
    ),
    'layers.1.bias': tensor([0, 0], { backend }),
  };
  const small = await expectSame([2], params, masks);
  expect(Object.keys(small.masks)).toEqual(['layers.0.weight']);
});

describe('bad input', () => {
  const { params, neurons } = chain(backend, [3, 4, 2]);

  test('a model that cannot be resized, masks of another one, constants that do not fit', async () => {
    const before = backend.liveBuffers();
    await expect(compact({ neurons }, params)).rejects.toThrow('the model has no resize');
    const other = { 'layers.0.weight': tensor([1], { backend }) };
    await expect(compact(net([4]), params, other)).rejects.toThrow(PruningError);
    other['layers.0.weight'].dispose();
    const masks = { 'layers.0.weight': affine(params['layers.0.weight']!, 0, 0) };
    const odd: Net = {
      ...net([4]),
      constants: (p) => ({
        value: affine(p['layers.0.bias']!, 1, 0),
        into: [{ weight: 'layers.0.weight', bias: 'layers.1.bias' }],
      }),
    };
    await expect(compact(odd, params, masks)).rejects.toThrow('whose shapes do not fit');
    masks['layers.0.weight'].dispose();
    expect(backend.liveBuffers()).toBe(before);
  });

  test('nothing is left but the result, and the model that was given is as before', async () => {
    const own = createReferenceBackend();
    const given = chain(own, [3, 6, 6, 2]).params;
    const { masks } = await prune(given, undefined, magnitude, { keep: 0.35 });
    const before = own.liveBuffers();
    const small = await compact(net([6, 6]), given, masks);
    expect(own.liveBuffers()).toBe(before + Object.keys(small.params).length + Object.keys(small.masks).length);
    expect(given['layers.0.weight']!.shape).toEqual([6, 3]);
  });
});

describe('cost', () => {
  test('counts', async () => {
    const f32 = createReferenceBackend({ dtype: 'float32' });
    const params = {
      w: tensor(
        [
          [1, 0, 2],
          [3, 4, 5],
        ],
        { backend: f32 },
      ),
      b: tensor([1, 0], { backend: f32 }),
    };
    const masks = {
      w: tensor(
        [
          [1, 1, 0],
          [1, 1, 1],
        ],
        { backend: f32 },
      ),
    };
    expect(await costReport(params, masks, { nfe: 10, positions: { w: 4 } })).toEqual({
      parameters: 8,
      nonZeros: 5,
      bytes: 32,
      sparseBytes: 4 * 5 + 1 + 1,
      multiplyAdds: 240,
      nonZeroMultiplyAdds: 160,
      nfe: 10,
    });
  });

  test('times the median, after a warm-up', async () => {
    let calls = 0;
    const wait = () => new Promise((resolve) => setTimeout(resolve, ++calls === 1 ? 40 : 5));
    const { milliseconds } = await costReport({ b: tensor([1], { backend }) }, undefined, { run: wait, repeats: 3 });
    expect(calls).toBe(4);
    expect(milliseconds).toBeGreaterThan(3);
    expect(milliseconds).toBeLessThan(40);
  });

  test('numbers that are no counts are refused', async () => {
    await expect(costReport({}, undefined, { nfe: 0 })).rejects.toThrow('nfe is 0');
    await expect(costReport({}, undefined, { repeats: NaN })).rejects.toThrow('repeats is NaN');
  });

  test('masks and positions of parameters that there are not are refused', async () => {
    const params = { b: tensor([1], { backend }) };
    await expect(costReport(params, { c: tensor([1], { backend }) })).rejects.toThrow(
      "has 'c', which is not a parameter",
    );
    await expect(costReport(params, undefined, { positions: { c: 3 } })).rejects.toThrow("positions has 'c'");
  });
});
