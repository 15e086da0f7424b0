import {
  cnf,
  compose,
  continuous,
  exact,
  flow,
  hutchinson,
  mlp,
  multiscaleFlow,
  neuralOde,
  odeNet,
  stackedFlow,
} from '@sparseflow/cnf';
import type { Field, Flow, LayerName, NeuralOde } from '@sparseflow/cnf';
import { rk4 } from '@sparseflow/ode-solvers';
import { adam } from '@sparseflow/optim';
import { applyMasks, compact, costReport, magnitude, neuronNorm, prune, shrink } from '@sparseflow/pruning';
import { disposeTree, key, mul, randomNormal, randomUniform, splitKey, tensor } from '@sparseflow/tensor';
import type { ActivationName, Masks, NeuronAxis, NeuronGroup, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';

const backend = createReferenceBackend();
const x = randomNormal(key(5), [16, 2], { backend });
const logProb = async (field: Field, params: Params) =>
  Array.from(await (await cnf({ field, divergence: exact() }).logProb(params, x)).data());

describe('a compacted flow has the density of the masked one', () => {
  const shapes: readonly (readonly [readonly number[], ActivationName])[] = [
    [[24], 'sigmoid'],
    [[16, 16], 'tanh'],
    [[12, 9, 12], 'softplus'],
  ];
  const cases = shapes.flatMap(([hidden, activation]) =>
    ([magnitude, neuronNorm] as const).map((pruner) => [pruner.name, hidden, activation, pruner] as const),
  );
  test.each(cases)('%s, %j, %s', async (_, hidden, activation, pruner) => {
    const field = mlp({ dim: 2, hidden, activation });
    const dense = field.init(key(1), { backend });
    const { neurons } = field;
    // Without removing dead neurons, so that constants have to be folded.
    const { masks } = await prune(dense, undefined, pruner, { keep: 0.15, neurons, unreachable: 'nearest' });
    const small = await compact(field, dense, masks);
    expect(Object.values(small.sizes).some((size, i) => size < hidden[i]!)).toBe(true);
    const before = await logProb(field, applyMasks(dense, masks));
    const after = await logProb(small.model, applyMasks(small.params, small.masks));
    // Equal but for rounding, which the step size control may amplify up to the tolerance of 1e-5.
    before.forEach((y, i) => expect(Math.abs(y - after[i]!)).toBeLessThan(1e-5));
  });
});

test('training goes on from a compacted flow, and the report says what was saved', async () => {
  const field = mlp({ dim: 2, hidden: [32, 32], activation: 'tanh' });
  const dense = field.init(key(2), { backend });
  const { masks } = await prune(dense, undefined, neuronNorm, { keep: 0.1, neurons: field.neurons });
  const small = await compact(field, dense, masks);
  const flow = cnf({ field: small.model, divergence: exact() });
  const optimizer = adam({ learningRate: 0.01 });
  let state = { params: small.params, state: optimizer.init(small.params) };
  const losses: number[] = [];
  for (let step = 0; step < 8; step++) {
    const { loss, grads } = await flow.lossAndGrad(state.params, x);
    losses.push((await loss.data())[0]!);
    state = optimizer.update(grads, state.state, state.params, { masks: small.masks });
    disposeTree(grads);
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  const [before, after] = [
    await costReport(dense, masks, { nfe: 20 }),
    await costReport(small.params, undefined, { nfe: 20 }),
  ];
  expect(before.multiplyAdds).toBe(20 * (2 * 32 + 32 * 32 + 32 * 2));
  expect(after.parameters).toBe(before.nonZeros);
  expect(after.multiplyAdds).toBe(before.nonZeroMultiplyAdds);
});

/** Parameters drawn anew, so that nothing is zero. */
function drawn(model: Pick<Flow, 'init'>): Params {
  const fresh = Object.entries(model.init(key(3), { backend }));
  const keys = splitKey(key(4), fresh.length);
  const draw = (name: string, p: Tensor, i: number) =>
    /Time|variance/.test(name) ? p : mul(randomNormal(keys[i]!, p.shape, { backend }), 0.5);
  return Object.fromEntries(fresh.map(([name, p], i) => [name, draw(name, p, i)]));
}

/**
 * Of every eight units of a group: nothing leads to number 1, which still has its bias and gates; nothing at all is left of what number 5
 * computes with, but it is read; nothing reads 2 and 6.
 */
function unitMasks(params: Params, neurons: readonly NeuronGroup[]): Masks {
  const pruned: Record<NeuronAxis['role'], number[]> = { out: [1, 5], bias: [5], in: [2, 6] };
  const masks: Record<string, Float64Array> = {};
  for (const { axes } of neurons) {
    for (const { param, axis, role } of axes) {
      const { shape, size } = params[param]!;
      const inner = shape.slice(axis + 1).reduce((n, m) => n * m, 1);
      const mask = (masks[param] ??= new Float64Array(size).fill(1));
      for (let i = 0; i < size; i++) if (pruned[role].includes((Math.floor(i / inner) % shape[axis]!) % 8)) mask[i] = 0;
    }
  }
  return Object.fromEntries(
    Object.entries(masks).map(([name, mask]) => [name, tensor(mask, { backend, shape: params[name]!.shape })]),
  );
}

const kinds: readonly LayerName[] = [
  'ignore',
  'concat',
  'concat_v2',
  'squash',
  'concatsquash',
  'blend',
  'hyper',
  'concatcoord',
];
const still = new Set<LayerName>(['ignore', 'concat', 'concatcoord']);
const fixed = { solver: rk4, steps: 4 };
const call = { divergence: hutchinson(), key: key(6), ...fixed };

interface CompactCase {
  readonly name: string;
  readonly flow: Flow;
  /** What is left of every eight units. */
  readonly left: number;
}

/** Nets of every kind, alone, stacked and in scales. */
const flows: readonly CompactCase[] = [
  ...kinds.map((layer) => ({
    name: `${layer}, dense`,
    flow: flow(continuous({ field: odeNet({ shape: 3, hidden: [8, 16], layer, activation: 'softplus' }) })),
    // A unit that nothing leads to goes if what it sends is the same at all times; so does one of which nothing is left.
    left: still.has(layer) ? 4 : 5,
  })),
  ...kinds.map((layer) => ({
    name: `${layer}, conv`,
    flow: flow(
      continuous({
        field: odeNet({ shape: [4, 4, 1], hidden: [8, 8], layer, activation: 'tanh', strides: [2, 1, -2] }),
      }),
    ),
    // Constants other than zero have borders.
    left: 5,
  })),
  {
    name: 'concatcoord, conv, softplus',
    flow: flow(
      continuous({ field: odeNet({ shape: [2, 2, 1], hidden: [8], layer: 'concatcoord', activation: 'softplus' }) }),
    ),
    // softplus(0) is not zero.
    left: 6,
  },
  {
    name: 'stacked concatsquash blocks',
    flow: stackedFlow({ dim: 2, hidden: [8, 8], blocks: 2, activation: 'tanh', batchNorm: true }),
    left: 5,
  },
  {
    name: 'blocks of two kinds',
    flow: flow(
      compose([
        continuous({ field: mlp({ dim: 2, hidden: [8], activation: 'sigmoid' }) }),
        continuous({ field: odeNet({ shape: 2, hidden: [8], layer: 'concat', activation: 'tanh' }), trainTime: true }),
      ]),
    ),
    left: 4,
  },
  {
    name: 'conv with squeeze and factor-out',
    flow: multiscaleFlow({ shape: [4, 4, 1], scales: 2, hidden: [8], blocks: 1, activation: 'tanh' }),
    left: 5,
  },
];

describe.each(flows.map((c) => [c.name, c] as const))('compact: %s', (_, { flow: model, left }) => {
  const params = drawn(model);
  const masks = unitMasks(params, model.neurons);
  const points = randomUniform(key(7), [4, model.dim], { backend });

  test('has the same density, gradient and samples, without the units', async () => {
    const masked = applyMasks(params, masks);
    const held = backend.liveBuffers();
    const small = await compact<Flow>(model, params, masks);
    expect(backend.liveBuffers() - held).toBe(Object.keys(small.params).length + Object.keys(small.masks).length);
    for (const { name, size } of model.neurons) expect(small.sizes[name]).toBe((size / 8) * left);
    expect(Object.fromEntries(small.model.neurons.map(({ name, size }) => [name, size]))).toEqual(small.sizes);
    const own = small.model.init(key(0), { backend });
    for (const [name, { shape }] of Object.entries(small.params)) expect(own[name]!.shape, name).toEqual(shape);

    // With equal fixed steps only rounding differs: a few hundred operations of order 1 to 100.
    const compare = async (run: (m: Flow, p: Params) => Promise<Tensor>) => {
      const [before, after] = await Promise.all([run(model, masked), run(small.model, small.params)]);
      const expected = before.dataSync();
      after.dataSync().forEach((y, i) => expect(Math.abs(y - expected[i]!)).toBeLessThan(1e-9));
    };
    await compare((m, p) => m.logProb(p, points, fixed));
    await compare(async (m, p) => (await m.lossAndGrad(p, points, call)).loss);
    await compare((m, p) => m.sample(p, 3, { key: key(8), backend, ...fixed }));
  });

  test('has just what structured pruning leaves', async () => {
    const { neurons } = model;
    const pruned = await prune(params, undefined, neuronNorm, { keep: 0.4, neurons, unreachable: 'nearest' });
    const small = await compact<Flow>(model, params, pruned.masks);
    expect(small.masks).toEqual({});
    expect(Object.values(small.params).reduce((n, { size }) => n + size, 0)).toBe(pruned.report.size);
    for (const { name } of neurons) expect(small.sizes[name]).toBe(pruned.report.neurons[name]!.kept);
    const before = (await model.logProb(applyMasks(params, pruned.masks), points, fixed)).dataSync();
    (await small.model.logProb(small.params, points, fixed))
      .dataSync()
      .forEach((y, i) => expect(Math.abs(y - before[i]!)).toBeLessThan(1e-9));
  });

  test('can be trained on', async () => {
    const small = await compact<Flow>(model, params, masks);
    const optimizer = adam({ learningRate: 0.01 });
    const trained = ({ params: all }: { params: Params }): Params =>
      Object.fromEntries(Object.entries(all).filter(([name]) => !small.model.statistics?.includes(name)));
    const fixedOnes = Object.fromEntries(
      Object.entries(small.params).filter(([name]) => small.model.statistics?.includes(name)),
    );
    const start = trained(small);
    let state = { params: start, state: optimizer.init(start) };
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) {
      const { loss, grads } = await small.model.lossAndGrad({ ...state.params, ...fixedOnes }, points, call);
      losses.push((await loss.data())[0]!);
      state = optimizer.update(grads, state.state, state.params, { masks: small.masks });
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  test('is trained without what nothing reads, under its own names', async () => {
    const masked = applyMasks(params, masks);
    const small = await shrink<Flow>(model, masked, masks);
    expect(small.sizes).toEqual(Object.fromEntries(model.neurons.map(({ name, size }) => [name, (size / 8) * 6])));
    const before = await model.lossAndGrad(masked, points, call);
    const after = await small.model.lossAndGrad(small.take(masked), points, call);
    const [expected, actual] = [before.grads, small.expand(after.grads)].map((grads) => applyMasks(grads, masks));
    expect(Object.keys(actual!)).toEqual(Object.keys(expected!));
    for (const [name, grad] of Object.entries(expected!)) {
      const values = actual![name]!.dataSync();
      // As above, and gradients are of order 1 to 1000.
      grad.dataSync().forEach((g, i) => expect(Math.abs(values[i]! - g), name).toBeLessThan(1e-8));
    }
  });

  test('costs less, by the positions at which weights are used', async () => {
    const small = await compact<Flow>(model, params, masks);
    const [before, after] = [
      await costReport(params, masks, { positions: model.positions ?? {} }),
      await costReport(small.params, small.masks, { positions: small.model.positions ?? {} }),
    ];
    expect(after.multiplyAdds).toBeLessThan(before.multiplyAdds);
    expect(after.parameters).toBeLessThan(before.parameters);
  });
});

describe.each([
  ['mlp', mlp({ dim: 4, hidden: [8, 8], activation: 'tanh' }), 4],
  ['concatsquash', odeNet({ shape: 4, hidden: [8, 8], layer: 'concatsquash', activation: 'softplus' }), 5],
] as const)('compact: a classifier with augmented dimensions, %s', (_, field, left) => {
  const model = neuralOde({ field, classes: 3, augment: 2, solver: rk4, steps: 4 });
  const params = drawn(model);
  const masks = unitMasks(params, model.neurons);
  const labels = tensor([0, 2, 1, 1, 0, 2], { backend, dtype: 'int32' });
  const points = randomNormal(key(7), [6, 2], { backend });

  test('gives the same logits, and trains on', async () => {
    const small = await compact<NeuralOde>(model, params, masks);
    expect(small.sizes).toEqual({ 'layers.0': left, 'layers.1': left });
    const before = (await model.logits(applyMasks(params, masks), points)).dataSync();
    // Rounding of a few hundred operations of order 1.
    (await small.model.logits(small.params, points))
      .dataSync()
      .forEach((y, i) => expect(Math.abs(y - before[i]!)).toBeLessThan(1e-10));
    const optimizer = adam({ learningRate: 0.01 });
    let state = { params: small.params, state: optimizer.init(small.params) };
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) {
      const { loss, grads } = await small.model.lossAndGrad(state.params, points, labels);
      losses.push((await loss.data())[0]!);
      state = optimizer.update(grads, state.state, state.params, { masks: small.masks });
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });
});

test('multiply-adds of a convolutional net count the pixels of each layer', async () => {
  const field = odeNet({ shape: [4, 4, 1], hidden: [8, 8], layer: 'ignore', activation: 'tanh', strides: [2, 1, -2] });
  const params = drawn(field);
  const small = await compact(field, params, unitMasks(params, field.neurons));
  const { multiplyAdds } = await costReport(small.params, undefined, { positions: field.positions!, nfe: 10 });
  // Five of eight channels are left; both halved layers have 2 × 2 pixels, the transposed one reads as many.
  expect(multiplyAdds).toBe(10 * 4 * (4 * 4 * 1 * 5 + 3 * 3 * 5 * 5 + 4 * 4 * 5 * 1));
});
