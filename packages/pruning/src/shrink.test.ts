import {
  add,
  disposeTree,
  key,
  matMul,
  mean,
  randomNormal,
  sigmoid,
  square,
  tensor,
  valueAndGrad,
} from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chain, chainNeurons, flatValues, sizeOf } from '../test/models.ts';
import { applyMasks, magnitude, neuronNorm, prune, PruningError, shrink } from './index.ts';
import type { Compactable, Masks, Shrunk } from './index.ts';

/** A chain of sigmoid layers, so that a unit without inputs still sends σ(bias). */
interface Net extends Compactable<Net> {
  loss(params: Params): Tensor;
}

const backend = createReferenceBackend();
const x = randomNormal(key(9), [20, 3], { backend });

const net = (hidden: readonly number[]): Net => ({
  neurons: chainNeurons(hidden),
  resize: (sizes) => net(hidden.map((_, i) => sizes[`layers.${i}`]!)),
  loss: (params) => {
    let z = x;
    for (let i = 0; i <= hidden.length; i++) {
      const u = add(matMul(z, params[`layers.${i}.weight`]!, { transposeB: true }), params[`layers.${i}.bias`]!);
      z = i < hidden.length ? sigmoid(u) : u;
    }
    return mean(square(z));
  },
});

/** Loss and gradients are those of the masked model; gradients where masks are zero are nobody's business. */
async function expectSameTraining(hidden: readonly number[], params: Params, masks: Masks): Promise<Shrunk<Net>> {
  const masked = applyMasks(params, masks);
  const full = valueAndGrad((p: Params) => net(hidden).loss(p))(masked);
  const small = await shrink(net(hidden), masked, masks);
  const { value, grad } = valueAndGrad((p: Params) => small.model.loss(p))(small.take(masked));
  // Sums of at most 30 terms of order 1 in float64, in another order.
  expect(Math.abs(value.dataSync()[0]! - full.value.dataSync()[0]!)).toBeLessThan(1e-12);
  const [actual, expected] = await Promise.all(
    [small.expand(grad), full.grad].map((g) => flatValues(applyMasks(g, masks))),
  );
  expect(actual).toHaveLength(expected!.length);
  actual!.forEach((g, i) => expect(Math.abs(g - expected![i]!)).toBeLessThan(1e-12));
  return small;
}

describe('the training stays the same', () => {
  test.each([[[6]], [[8, 5]], [[4, 9, 4]], [[1, 1]]])('hidden layers %j, under any masks', async (hidden) => {
    const { params } = chain(backend, [3, ...hidden, 2], 4);
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: -2, max: 2, noNaN: true }),
        fc.nat(),
        fc.boolean(),
        async (bound, seed, biases) => {
          const names = Object.keys(params).filter((name) => biases || name.endsWith('weight'));
          const masks = names.map((name, i) => {
            const { shape } = params[name]!;
            const draws = randomNormal(key(seed * 8 + i), shape, { backend }).dataSync();
            return [
              name,
              tensor(
                Float64Array.from(draws, (u) => Number(u < bound)),
                { backend, shape },
              ),
            ];
          });
          await expectSameTraining(hidden, params, Object.fromEntries(masks) as Masks);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('structured pruning leaves a dense net of the size that was kept', async () => {
    const { params, neurons } = chain(backend, [3, 10, 10, 2]);
    const { masks, report } = await prune(params, undefined, neuronNorm, { keep: 0.3, neurons });
    const small = await expectSameTraining([10, 10], params, masks);
    expect(small.masks).toEqual({});
    expect(sizeOf(small.take(params))).toBe(report.size);
    expect(small.sizes).toEqual(Object.fromEntries(neurons.map(({ name }) => [name, report.neurons[name]!.kept])));
  });

  test('unstructured pruning leaves masks where something is pruned inside', async () => {
    const { params, neurons } = chain(backend, [3, 12, 12, 2], 2);
    const settings = { keep: 0.15, neurons, deadNeurons: 'remove', unreachable: 'nearest' } as const;
    const { masks } = await prune(params, undefined, magnitude, settings);
    const small = await expectSameTraining([12, 12], params, masks);
    expect(small.sizes['layers.0']! + small.sizes['layers.1']!).toBeLessThan(24);
    expect(Object.keys(small.masks)).toContain('layers.1.weight');
    expect(await flatValues(applyMasks(small.take(params), small.masks))).toEqual(
      await flatValues(small.take(applyMasks(params, masks))),
    );
  });

  test('a group of which nothing says what reads it stays whole, and one that lost all keeps a unit', async () => {
    const { params } = chain(backend, [3, 4, 2]);
    const group = chainNeurons([4])[0]!;
    const masks = { 'layers.1.weight': tensor(new Float64Array(8), { backend, shape: [2, 4] }) };
    const model = (axes: typeof group.axes) => ({ neurons: [{ ...group, axes }], resize: (sizes: object) => sizes });
    const whole = await shrink(model(group.axes.filter(({ role }) => role !== 'in')), params, masks);
    expect(whole.model).toEqual({ 'layers.0': 4 });
    expect((await shrink(model(group.axes), params, masks)).model).toEqual({ 'layers.0': 1 });
  });
});

describe('bad input', () => {
  const { params, neurons } = chain(backend, [3, 4, 2]);

  test('a model that cannot be resized, masks of another one, parameters of other shapes', async () => {
    await expect(shrink({ neurons }, params)).rejects.toThrow('the model has no resize');
    await expect(shrink(net([4]), params, { no: x })).rejects.toThrow(PruningError);
    const { take, expand } = await shrink(net([4]), params);
    expect(() => take({ 'layers.0.bias': x })).toThrow("'layers.0.bias' has shape [20,3], not [4]");
    expect(() => expand({ no: x })).toThrow("'no' has shape [20,3] and is no parameter");
  });

  test('nothing is left allocated', async () => {
    const masks = { 'layers.1.weight': tensor([1, 0, 1, 1, 1, 0, 0, 1], { backend, shape: [2, 4] }) };
    const before = backend.liveBuffers();
    const small = await shrink(net([4]), params, masks);
    const taken = small.take(params);
    const back = small.expand(taken);
    disposeTree([taken, back]);
    expect(() => small.take({ 'layers.0.weight': params['layers.0.weight']!, 'layers.0.bias': x })).toThrow();
    small.dispose();
    await expect(shrink(net([4]), params, { no: x })).rejects.toThrow();
    expect(backend.liveBuffers()).toBe(before);
  });
});
