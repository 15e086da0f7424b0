import { expect, test } from 'vitest';
import { labelsToTensor, toTensor } from '@sparseflow/datasets';
import { hessianOperator, lanczos, restrict, unflatten } from '@sparseflow/hessian';
import { add, disposeTree, key, mapTree, mul, tensor } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { planStudy } from '../plan.ts';
import { moons } from '../studies/moons.ts';
import { classificationTask, classifierOf } from './classification.ts';
import { keysOf, toyDataOf } from './model.ts';
import { inMemory } from './pointData.ts';
import { pruneRound } from './pruneRound.ts';

const backend = createReferenceBackend();
const planned = planStudy(moons, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference' });
const configOf = (method: string) => planned.find(({ config }) => config.method === method)!.config;
const dense = configOf('dense');
const data = toyDataOf(dense);
const batch = {
  ...data.train,
  points: data.train.points.slice(0, 40),
  labels: data.train.labels!.slice(0, 20),
  count: 20,
};

const differenceOf = (a: Params, b: Params): number =>
  Math.max(
    ...Object.entries(a).map(([name, x]) => {
      const other = b[name]!.dataSync();
      return Math.max(...x.dataSync().map((value, i) => Math.abs(value - other[i]!)));
    }),
  );

test.each(['unstructured', 'structured'])(
  '%s: without what was pruned, loss and gradient are the same',
  async (method) => {
    const task = classificationTask(configOf(method), backend);
    const start = await pruneRound(
      task,
      { params: task.init(keysOf(dense).init), masks: {} },
      { ...configOf(method), keepRatio: 0.2 },
    );
    const before = backend.liveBuffers();
    const lean = await task.lean(start);
    const [full, small] = [
      await task.lossAndGrad(start.params, batch, key(0)),
      await lean.task.lossAndGrad(start.params, batch, key(0)),
    ];
    expect(small.loss.dataSync()[0]).toBeCloseTo(full.loss.dataSync()[0]!, 12);
    // A neuron that nothing reads has no gradient; masked weights within a layer that is left have one in both, which the mask removes.
    expect(differenceOf(full.grads, small.grads)).toBeLessThan(1e-12);
    expect(await lean.task.nll(start.params, data.test, key(0))).toBeCloseTo(
      await task.nll(start.params, data.test, key(0)),
      12,
    );
    disposeTree([full.loss, full.grads, small.loss, small.grads]);
    lean.dispose();
    expect(backend.liveBuffers()).toBe(before);
  },
);

test('measures what the study names, and draws what the figure needs, leaving nothing behind', async () => {
  const task = classificationTask(dense, backend);
  const params = task.init(keysOf(dense).init);
  const before = backend.liveBuffers();
  const likelihoods = { trainNll: 0, validationNll: 0, testNll: 0 };
  const quantities = await task.quantities!(params, inMemory(data), likelihoods);
  const { sigmas } = dense.evaluation.robustness!;
  const named = moons.measures!.map(({ name }) => name);
  expect(Object.keys(quantities)).toEqual([
    'trainAccuracy',
    'validationAccuracy',
    'testAccuracy',
    'margin',
    'marginLow',
    'marginLeast',
    ...sigmas.map((sigma) => `noise${sigma}`),
  ]);
  for (const name of Object.keys(quantities)) expect(named).toContain(name);
  const model = classifierOf(dense);
  const labels = tensor(data.test.labels!, { backend, dtype: 'int32' });
  const x = tensor(data.test.points, { backend, shape: [data.test.count, 2] });
  expect(quantities['testAccuracy']!.value).toBeCloseTo(100 * (await model.accuracy(params, x, labels)), 10);

  const { arrays, extent } = await task.draw(params, inMemory(data), 3);
  expect(extent).toBe(3);
  const { grid, samples } = dense.evaluation;
  expect(Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape]))).toEqual({
    difference: [grid, grid],
    field: [grid, grid, 2],
    trajectories: [samples, 41, 2],
    data: [data.test.count, 2],
    labels: [data.test.count],
  });
  // The first way starts at the first point and ends at its logits.
  const ways = arrays['trajectories']!.values;
  expect([...ways.subarray(0, 2)]).toEqual([...Float32Array.from(data.test.points.subarray(0, 2))]);
  const ends = (await model.logits(params, x)).dataSync();
  expect(ways[80]).toBeCloseTo(ends[0]!, 2); // another solve, with stops: equal to the tolerance of 1e-4
  expect(ways[81]).toBeCloseTo(ends[1]!, 2);
  disposeTree([x, labels]);
  expect(backend.liveBuffers()).toBe(before + 1); // the logits
});

test('the frozen loss has a Hessian whose largest eigenvalue is that of central differences', async () => {
  const { params, masks } = await pruneRound(
    classificationTask(configOf('structured'), backend),
    { params: classifierOf(dense).init(keysOf(dense).init, { backend }), masks: {} },
    { ...configOf('structured'), keepRatio: 0.1 },
  );
  const model = classifierOf(dense);
  const [x, labels] = [toTensor(batch, { backend }), labelsToTensor(batch, { backend })];
  const frozen = await model.frozenLoss(params, x, labels);
  const whole = await hessianOperator((p: Params) => frozen.loss(p), params, [{ batch: null }]);
  const operator = await restrict(whole, masks);
  const { values, vectors, converged } = await lanczos(operator, { k: 1, key: key(5) });
  expect(converged).toBe(true);
  const top = unflatten(operator.expand(vectors[0]!), params, whole.layout);
  // Along its unit vector v the loss has the second derivative λ: truncation h² and rounding 1e-16 / h² are both near 1e-8.
  const along = (h: number): number =>
    frozen.loss(mapTree(params, (leaf, i) => add(leaf, mul(Object.values(top)[i]!, h)))).dataSync()[0]!;
  const h = 1e-4;
  expect(values[0]).toBeCloseTo((along(h) - 2 * along(0) + along(-h)) / h ** 2, 5);
  frozen.dispose();
});
