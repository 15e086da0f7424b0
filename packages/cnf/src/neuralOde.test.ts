import { describe, expect, it } from 'vitest';
import { disposeTree, dot, grad, hvp, key, matMul, randomNormal, tensor } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { backsolve, checkpoint, rk4 } from '@sparseflow/ode-solvers';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { maxDifference } from '../test/fixtures.ts';
import { evaluateClassifier, evaluateLogits } from './evaluateClassifier.ts';
import type { Field } from './field.ts';
import { mlp } from './fields/mlp.ts';
import { neuralOde, type NeuralOde } from './neuralOde.ts';

const backend = createReferenceBackend();
const labelsOf = (values: readonly number[]): Tensor => tensor([...values], { backend, dtype: 'int32' });

/** dz/dt = z Aᵀ, whose solution is z exp(Aᵀ t). */
const linear: Field = {
  dim: 2,
  init: (k, options) => ({ a: randomNormal(k, [2, 2], { backend: options.backend }) }),
  apply: (params: Params, _t, z) => matMul(z, params['a']!, { transposeB: true }),
  neurons: [],
};

describe('a linear field, in closed form', () => {
  // A = [[0, -w], [w, 0]] + s I: exp(A) is a rotation by w and a scaling by exp(s).
  const [w, s] = [0.7, -0.3];
  const a = tensor([[s, -w], [w, s]], { backend }); // prettier-ignore
  const points = [[1, 0.5], [-2, 0.25], [0.1, 3]]; // prettier-ignore
  const x = tensor(points, { backend });
  const ends = points.map(([p, q]) => [
    Math.exp(s) * (Math.cos(w) * p! - Math.sin(w) * q!),
    Math.exp(s) * (Math.sin(w) * p! + Math.cos(w) * q!),
  ]);
  const tight = { rtol: 1e-10, atol: 1e-10 };
  // A tolerance of 1e-10 in some ten steps.
  const bound = 1e-8;

  it('the state is the matrix exponential, and with the state as read-out these are the logits', async () => {
    const model = neuralOde({ field: linear, classes: 2, readout: 'state', ...tight });
    expect(maxDifference(await model.logits({ a }, x), ends)).toBeLessThan(bound);
    expect([...(await model.predict({ a }, x))]).toEqual(ends.map(([p, q]) => (q! > p! ? 1 : 0)));
  });

  it('a linear read-out maps the final state to any number of classes', async () => {
    const model = neuralOde({ field: linear, classes: 3, ...tight });
    const weight = [[1, 2], [-1, 0.5], [0, -3]]; // prettier-ignore
    const bias = [0.1, -0.2, 0.3];
    const params = { a, 'readout.weight': tensor(weight, { backend }), 'readout.bias': tensor(bias, { backend }) };
    const expected = ends.map(([p, q]) => weight.map(([u, v], k) => u! * p! + v! * q! + bias[k]!));
    expect(maxDifference(await model.logits(params, x), expected)).toBeLessThan(10 * bound);
  });

  it('the loss is the mean cross-entropy, and its gradient in A that of the closed form', async () => {
    const model = neuralOde({ field: linear, classes: 2, readout: 'state', ...tight });
    const labels = [0, 1, 1];
    const { loss, grads } = await model.lossAndGrad({ a }, x, labelsOf(labels));
    const lossAt = (rate: number, angle: number): number =>
      points.reduce((sum, [p, q], i) => {
        const z = [
          Math.exp(rate) * (Math.cos(angle) * p! - Math.sin(angle) * q!),
          Math.exp(rate) * (Math.sin(angle) * p! + Math.cos(angle) * q!),
        ];
        return sum + Math.log(Math.exp(z[0]!) + Math.exp(z[1]!)) - z[labels[i]!]!;
      }, 0) / points.length;
    expect(loss.dataSync()[0]).toBeCloseTo(lossAt(s, w), 8);
    // Only the directions I and J commute with A, so only along them is exp(A) that of the moved rate and angle. Central differences
    // of a smooth function: truncation h² ≈ 1e-10, rounding 1e-16 / h = 1e-11.
    const h = 1e-5;
    const g = grads['a']!.dataSync();
    expect(g[0]! + g[3]!).toBeCloseTo((lossAt(s + h, w) - lossAt(s - h, w)) / (2 * h), 7);
    expect(g[2]! - g[1]!).toBeCloseTo((lossAt(s, w + h) - lossAt(s, w - h)) / (2 * h), 7);
  });

  it('a trajectory passes through the matrix exponential of every time', async () => {
    const model = neuralOde({ field: linear, classes: 2, readout: 'state', ...tight });
    const times = [0, 0.25, 1];
    const states = await model.trajectory({ a }, x, times);
    for (const [i, t] of times.entries()) {
      const expected = points.map(([p, q]) => [
        Math.exp(s * t) * (Math.cos(w * t) * p! - Math.sin(w * t) * q!),
        Math.exp(s * t) * (Math.sin(w * t) * p! + Math.cos(w * t) * q!),
      ]);
      expect(maxDifference(states[i]!, expected)).toBeLessThan(1e-7); // dense output inside a step
    }
  });
});

const x = randomNormal(key(2), [7, 2], { backend });
const labels = labelsOf([0, 1, 2, 2, 0, 1, 1]);

describe.each<[string, NeuralOde]>([
  ['plain', neuralOde({ field: mlp({ dim: 2, hidden: [6], activation: 'tanh' }), classes: 3, rtol: 1e-9, atol: 1e-9 })],
  [
    'augmented, state read out',
    neuralOde({
      field: mlp({ dim: 4, hidden: [5, 5], activation: 'softplus' }),
      classes: 3,
      augment: 2,
      readout: 'state',
      rtol: 1e-9,
      atol: 1e-9,
    }),
  ],
  [
    'augmented, fixed steps',
    neuralOde({
      field: mlp({ dim: 3, hidden: [5], activation: 'sigmoid' }),
      classes: 3,
      augment: 1,
      solver: rk4,
      steps: 6,
    }),
  ],
])('%s', (_, model) => {
  const params = model.init(key(1), { backend });

  it('has the gradient that central differences give, in every parameter', async () => {
    const { loss, grads } = await model.lossAndGrad(params, x, labels);
    expect(Object.keys(grads)).toEqual(Object.keys(params));
    const h = 1e-5;
    for (const [name, g] of Object.entries(grads)) {
      for (const index of new Set([0, g.size - 1])) {
        const moved = async (by: number): Promise<number> => {
          const host = params[name]!.dataSync();
          host[index]! += by;
          const at = { ...params, [name]: tensor(host, { backend, shape: params[name]!.shape }) };
          return (await model.lossAndGrad(at, x, labels)).loss.dataSync()[0]!;
        };
        const difference = ((await moved(h)) - (await moved(-h))) / (2 * h);
        // Truncation and rounding near 1e-10; steps that move with the parameters add the tolerance over h.
        expect(Math.abs(g.dataSync()[index]! - difference)).toBeLessThan(1e-6);
      }
    }
    const points = Float64Array.from(x.dataSync());
    const all = await evaluateClassifier(model, params, points, labels.dataSync(), { backend });
    expect(all.loss).toBeCloseTo(loss.dataSync()[0]!, 8);
    expect(all.accuracy).toBe(await model.accuracy(params, x, labels));
    expect(all.predicted).toEqual(await model.predict(params, x));
    const split = await evaluateLogits(model, params, points, { backend, batchSize: 3 });
    expect(Math.max(...split.map((value, i) => Math.abs(value - all.logits[i]!)))).toBeLessThan(1e-7);
  });

  it('freezes its loss with the same value and gradient, and a symmetric Hessian', async () => {
    const frozen = await model.frozenLoss(params, x, labels);
    const { loss, grads } = await model.lossAndGrad(params, x, labels);
    expect(frozen.loss(params).dataSync()[0]).toBeCloseTo(loss.dataSync()[0]!, 12);
    for (const [name, g] of Object.entries(grad(frozen.loss)(params))) {
      expect(maxDifference(g, Array.from(grads[name]!.dataSync()))).toBeLessThan(1e-12);
    }
    const direction = (k: number): Params =>
      Object.fromEntries(
        Object.entries(params).map(([name, { shape }], i) => [name, randomNormal(key(k + i), shape, { backend })]),
      );
    const [u, v] = [direction(10), direction(30)];
    const product = (of: Params, along: Params): number => {
      const image = hvp(frozen.loss, params, along);
      return Object.entries(of).reduce((sum, [name, part]) => sum + dot(part, image[name]!).dataSync()[0]!, 0);
    };
    expect(product(u, v)).toBeCloseTo(product(v, u), 10);
    frozen.dispose();
  });

  it('names what can be pruned by its own parameters', () => {
    for (const { size, axes } of model.neurons)
      for (const { param, axis } of axes) expect(params[param]!.shape[axis]).toBe(size);
    const smaller = model.resize!({ 'layers.0': 2 });
    expect(smaller.init(key(0), { backend })['layers.0.weight']!.shape).toEqual([2, model.field.dim]);
    expect([smaller.classes, smaller.inputDim, smaller.readout]).toEqual([
      model.classes,
      model.inputDim,
      model.readout,
    ]);
  });
});

it('augmentation lets a flow separate what no flow of the plane can', async () => {
  // Trajectories of an autonomous scalar equation cannot pass each other, so no plain flow on a line can send the points -1 and 1 to one
  // side and 0 to the other. With a second coordinate h: h' = k x² - c lifts the outer points over the middle one.
  const field: Field = {
    dim: 2,
    init: () => ({}),
    apply: (_params, _t, z) => {
      const rows = Array.from({ length: z.shape[0]! }, (_row, i) => z.dataSync()[2 * i]!);
      return tensor(
        rows.map((value) => [0, 8 * value * value - 4]),
        { backend },
      );
    },
    neurons: [],
  };
  const model = neuralOde({ field, classes: 2, augment: 1, solver: rk4, steps: 4 });
  const params = { 'readout.weight': tensor([[0, -1], [0, 1]], { backend }), 'readout.bias': tensor([0, 0], { backend }) }; // prettier-ignore
  const line = tensor([[-1], [0], [1]], { backend });
  expect([...(await model.predict(params, line))]).toEqual([1, 0, 1]);
  // h(1) = 8 x² - 4: constant along the solution, so exact for any Runge-Kutta method.
  expect(maxDifference(await model.logits(params, line), [[-4, 4], [4, -4], [-4, 4]])).toBeLessThan(1e-12); // prettier-ignore
});

it('backsolve agrees with checkpoint at tolerance 1e-9, and leaves the read-out out of its problem', async () => {
  const options = { field: mlp({ dim: 2, hidden: [6], activation: 'tanh' }), classes: 3, rtol: 1e-9, atol: 1e-9 };
  const discrete = neuralOde({ ...options, adjoint: checkpoint() });
  const params = discrete.init(key(3), { backend });
  const exact = await discrete.lossAndGrad(params, x, labels);
  const back = await neuralOde({ ...options, adjoint: backsolve() }).lossAndGrad(params, x, labels);
  for (const [name, g] of Object.entries(exact.grads)) {
    expect(maxDifference(back.grads[name]!, Array.from(g.dataSync()))).toBeLessThan(1e-6);
  }
  expect(back.stats.nfeBackward).toBeGreaterThan(0);
});

describe('memory and errors', () => {
  const field = mlp({ dim: 3, hidden: [4], activation: 'tanh' });
  const model = neuralOde({ field, classes: 3, augment: 1, adjoint: backsolve() });
  const params = model.init(key(0), { backend });
  const points = Float64Array.from(x.dataSync());

  it.each<[string, number, () => Promise<unknown>]>([
    ['logits', 1, () => model.logits(params, x)],
    ['predict', 0, () => model.predict(params, x)],
    ['accuracy', 0, () => model.accuracy(params, x, labels)],
    ['lossAndGrad', 7, () => model.lossAndGrad(params, x, labels)],
    ['trajectory', 3, () => model.trajectory(params, x, [0, 0.3, 1])],
    ['evaluateClassifier', 0, () => evaluateClassifier(model, params, points, labels.dataSync(), { backend })],
    ['frozenLoss, disposed', 0, async () => (await model.frozenLoss(params, x, labels)).dispose()],
    ['init', 6, () => Promise.resolve(model.init(key(1), { backend }))],
  ])('%s leaves %i buffers: its results', async (_, results, run) => {
    const before = backend.liveBuffers();
    await run();
    expect(backend.liveBuffers() - before).toBe(results);
  });

  it('the loss that was frozen leaves its value only', async () => {
    const frozen = await model.frozenLoss(params, x, labels);
    const before = backend.liveBuffers();
    disposeTree([frozen.loss(params), grad(frozen.loss)(params)]);
    expect(backend.liveBuffers()).toBe(before);
    frozen.dispose();
  });

  it('a field that fails, forward or backward, leaves nothing behind', async () => {
    let calls = 0;
    let limit = 0;
    const failing: Field = {
      ...linear,
      apply: (p: Params, t, z): Tensor => {
        if (++calls > limit) throw new Error('stop');
        return linear.apply(p, t, z);
      },
    };
    const bad = neuralOde({ field: failing, classes: 3, adjoint: backsolve() });
    const at = bad.init(key(0), { backend });
    limit = Infinity;
    const whole = await bad.lossAndGrad(at, x, labels);
    const before = backend.liveBuffers();
    for (const [evaluations, run] of [
      [9, () => bad.logits(at, x)],
      [9, () => bad.frozenLoss(at, x, labels)],
      [9, () => bad.trajectory(at, x, [0, 1])],
      [9, () => bad.lossAndGrad(at, x, labels)],
      [whole.stats.nfe + 2, () => bad.lossAndGrad(at, x, labels)],
    ] as const) {
      calls = 0;
      limit = evaluations;
      await expect(run()).rejects.toThrow('stop');
      expect(backend.liveBuffers()).toBe(before);
    }
  });

  it('refuses what does not fit, and leaves nothing behind', async () => {
    const before = backend.liveBuffers();
    const wide = tensor([[1, 2, 3]], { backend });
    await expect(model.logits(params, wide)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: neuralOde: the input has shape [1,3]. To fix: give [batch, 2], the field's dimension 3 less 1 of augmentation.]`,
    );
    await expect(model.lossAndGrad(params, x, labelsOf([0]))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: neuralOde: labels of shape [1] for an input of shape [7,2]. To fix: give one label for each row.]`,
    );
    const three = labelsOf([0, 1, 2, 3, 0, 0, 0]);
    await expect(model.frozenLoss(params, x, three)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ValueError: neuralOde: label 3 of row 3. To fix: use integers from 0 to 2.]`,
    );
    await expect(
      evaluateClassifier(model, params, points, [0], { backend }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: evaluateClassifier: 7 points and 1 labels. To fix: give one label for each point.]`,
    );
    await expect(
      evaluateLogits(model, params, points.subarray(1), { backend }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: evaluateLogits: 13 numbers in rows of 2. To fix: give whole rows.]`,
    );
    await expect(
      evaluateClassifier(model, params, points, [0, 0, 0, 0, 0, 0, -1], { backend }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ValueError: evaluateClassifier: a label of -1. To fix: use integers from 0 to 2.]`,
    );
    await expect(
      evaluateLogits(model, params, points, { backend, batchSize: 0 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ValueError: evaluateLogits: 7 points in batches of 0. To fix: give at least one of each.]`,
    );
    expect(backend.liveBuffers() - before).toBe(3); // what was made here
    expect(() => neuralOde({ field, classes: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: neuralOde: 1 classes. To fix: give an integer of at least 2.]`,
    );
    expect(() => neuralOde({ field, classes: 2, augment: 3 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: neuralOde: augment 3 with a field of dimension 3. To fix: give from 0 to one less than the dimension.]`,
    );
    expect(() => neuralOde({ field, classes: 4, readout: 'state' })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: neuralOde: 4 logits in a state of dimension 3. To fix: augment the state, or use the read-out 'linear'.]`,
    );
  });

  it('passes its signal on', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(model.logits(params, x, { signal })).rejects.toThrow('enough');
  });
});
