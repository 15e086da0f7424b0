import { compact, magnitude, neuronNorm, prune } from '@sparseflow/pruning';
import type { Compactable, Pruner } from '@sparseflow/pruning';
import { key, normal, uniform } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { memory, setBackend, tensor2d } from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import type { Sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { keepPruned, neuronsOf, paramsOf, setParams } from './prune.ts';

const backend = createReferenceBackend({ dtype: 'float32' });

/** Two classes: a disc, and a ring around it that touches it in places. */
function discAndRing(seed: number, count: number): { x: Tensor2D; y: Tensor2D } {
  const [angles, noise] = [uniform(key(seed), count), normal(key(seed + 1), count)];
  const rows = Array.from(angles, (u, i) => {
    const radius = (i % 2) + 0.4 + 0.2 * noise[i]!;
    return [radius * Math.cos(2 * Math.PI * u), radius * Math.sin(2 * Math.PI * u)];
  });
  return { x: tensor2d(rows), y: tensor2d(rows.map((_, i) => [i % 2])) };
}

function network([first, second]: readonly [number, number]): Sequential {
  const dense = (name: string, units: number, seed: number, inputs = {}) =>
    layers.dense({
      name,
      units,
      activation: name === 'output' ? 'sigmoid' : 'relu',
      kernelInitializer: initializers.glorotNormal({ seed }),
      ...inputs,
    });
  const model = sequential({
    layers: [dense('first', first, 1, { inputShape: [2] }), dense('second', second, 2), dense('output', 1, 3)],
  });
  model.compile({ optimizer: 'adam', loss: 'binaryCrossentropy' });
  return model;
}

/** How the library sees it: which neurons there are, and how to build the model with fewer. */
const compactable = (model: Sequential): Compactable<Sequential> => ({
  neurons: neuronsOf(model),
  resize: ({ first, second }) => network([first!, second!]),
});

const train = { epochs: 30, batchSize: 32, shuffle: false, verbose: 0 } as const;
const training = () => discAndRing(10, 512);
const testing = () => discAndRing(20, 1000);

async function predictions(model: Sequential): Promise<Float32Array> {
  const { x, y } = testing();
  const output = model.predict(x) as Tensor;
  const values = await output.data<'float32'>();
  [x, y, output].forEach((t) => t.dispose());
  return values;
}

async function accuracy(model: Sequential): Promise<number> {
  const values = await predictions(model);
  return values.filter((p, i) => p > 0.5 === (i % 2 === 1)).length / values.length;
}

const zeros = async (params: Params): Promise<number> =>
  (await Promise.all(Object.values(params).map((p) => p.data()))).reduce(
    (sum, values) => sum + values.filter((v) => v === 0).length,
    0,
  );

let trained: Params;
let before: number;

beforeAll(async () => {
  await setBackend('cpu');
  const model = network([32, 32]);
  const { x, y } = training();
  await model.fit(x, y, train);
  [x, y].forEach((t) => t.dispose());
  trained = await paramsOf(model, backend);
  before = await accuracy(model);
}, 120_000);

test('weights go out and back unchanged', async () => {
  const model = network([32, 32]);
  await setParams(model, trained);
  const again = await paramsOf(model, backend);
  expect(Object.keys(again)).toEqual(['first', 'second', 'output'].flatMap((n) => [`${n}/kernel`, `${n}/bias`]));
  for (const [name, param] of Object.entries(trained)) expect(again[name]!.dataSync()).toEqual(param.dataSync());
  expect(await accuracy(model)).toBe(before);
});

describe.each<Pruner>([magnitude, neuronNorm])('20 % of the $target', (pruner) => {
  test('classify as well as all of them, after some more training', async () => {
    const model = network([32, 32]);
    await setParams(model, trained);
    const held = memory().numTensors;
    const { params, masks, report } = await prune(trained, undefined, pruner, { keep: 0.2, neurons: neuronsOf(model) });
    await setParams(model, params);
    const pruned = await accuracy(model);

    const { x, y } = training();
    await model.fit(x, y, { ...train, epochs: 10, callbacks: await keepPruned(model, masks) });
    [x, y].forEach((t) => t.dispose());
    const after = await accuracy(model);
    console.log(`${pruner.name}: ${before} before, ${pruned} pruned, ${after} trained again`);

    // The nearest size in whole neurons is at most one neuron of a layer away: 34 entries of 1185.
    expect(Math.abs(report.keepRatio - 0.2)).toBeLessThan(34 / 1185);
    expect(await zeros(await paramsOf(model, backend))).toBeGreaterThanOrEqual(report.originalSize - report.size);
    // Of 1000 points, five standard errors of a share of .95.
    expect(after).toBeGreaterThan(before - 5 * Math.sqrt((0.95 * 0.05) / 1000));
    expect(before).toBeGreaterThan(0.9);
    // The optimiser's state is all that training left.
    expect(memory().numTensors - held).toBeLessThanOrEqual(2 * 6 + 3);
  }, 120_000);
});

test('without pruned neurons it is a smaller model that predicts the same', async () => {
  const model = network([32, 32]);
  const { params, masks } = await prune(trained, undefined, neuronNorm, { keep: 0.2, neurons: neuronsOf(model) });
  await setParams(model, params);
  const small = await compact(compactable(model), params, masks);
  await setParams(small.model, small.params);
  expect(small.model.countParams()).toBeLessThan(0.25 * model.countParams());
  const [expected, actual] = [await predictions(model), await predictions(small.model)];
  // Sums of at most 33 terms of order 1 in float32, in another order.
  actual.forEach((p, i) => expect(Math.abs(p - expected[i]!)).toBeLessThan(1e-5));
});
