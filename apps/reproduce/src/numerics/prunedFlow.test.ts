import { createCpuBackend } from '@sparseflow/backend-cpu';
import type { Cnf } from '@sparseflow/cnf';
import { cnf, hutchinson, mlp } from '@sparseflow/cnf';
import { memoryCheckpointStore } from '@sparseflow/optim';
import { applyMasks, magnitude, neuronNorm, prune } from '@sparseflow/pruning';
import type { Pruner } from '@sparseflow/pruning';
import { disposeTree, key, randomNormal } from '@sparseflow/tensor';
import type { Backend, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';
import { planStudy } from '../plan.ts';
import { gaussiansSpiral } from '../studies/gaussians-spiral.ts';
import { densityTask } from './density.ts';
import { openRunLog } from '../logs/runLog.ts';
import { planarFlowOf, toyDataOf } from './model.ts';
import { inMemory } from './pointData.ts';
import { prunedFlow } from './prunedFlow.ts';
import { trainRound } from './trainRound.ts';

const flowWith = (field: Cnf['field']): Cnf => cnf({ field, rtol: 1e-5, atol: 1e-5 });
const numbers = (record: Params): number[] => Object.values(record).flatMap((x) => [...x.dataSync()]);

async function pruned(backend: Backend, flow: Cnf, pruner: Pruner, keep: number) {
  const params = flow.init(key(1), { backend });
  const { neurons } = flow.field;
  const result = await prune(params, undefined, pruner, { keep, neurons, deadNeurons: 'remove', minKept: 0 });
  disposeTree(params);
  return result;
}

/** The largest difference, relative to the largest number. */
function difference(actual: readonly number[], expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  const size = Math.max(...expected.map(Math.abs));
  return Math.max(...actual.map((a, i) => Math.abs(a - expected[i]!))) / size;
}

const backends = {
  // Some hundred operations on the way through the solver, rounded to 2⁻⁵³ or 2⁻²⁴, that the adaptive steps magnify somewhat.
  reference: { create: () => createReferenceBackend(), tolerance: 1e-11 },
  compiled: { create: () => createCpuBackend({ threads: 1 }), tolerance: 1e-4 },
};

describe.each(Object.entries(backends))('on the %s backend', (_, { create, tolerance }) => {
  test.each([
    ['weights', magnitude, 0.15],
    ['neurons', neuronNorm, 0.3],
  ] as const)('a flow without pruned %s is the masked one, gradients and all', async (_what, pruner, keep) => {
    const backend = create();
    const flow = flowWith(mlp({ dim: 2, hidden: [24, 24, 24], activation: 'tanh' }));
    const { params, masks } = await pruned(backend, flow, pruner, keep);
    const x = randomNormal(key(3), [40, 2], { backend });
    const before = backend.liveBuffers();
    const { flow: lean, dispose } = await prunedFlow(flow, { params, masks });

    const options = { key: key(4), divergence: hutchinson() };
    const [actual, expected] = [await lean.lossAndGrad(params, x, options), await flow.lossAndGrad(params, x, options)];
    expect(actual.stats.nfe).toBe(expected.stats.nfe);
    expect(difference([...actual.loss.dataSync()], [...expected.loss.dataSync()])).toBeLessThan(tolerance);
    const [g, h] = [applyMasks(actual.grads, masks), applyMasks(expected.grads, masks)];
    expect(Object.values(g).map(({ shape }) => shape)).toEqual(Object.values(params).map(({ shape }) => shape));
    expect(difference(numbers(g), numbers(h))).toBeLessThan(10 * tolerance);

    const calls: ((f: Cnf) => Promise<Tensor>)[] = [
      (f) => f.logProb(params, x),
      (f) => f.sample(params, 30, { key: key(5), backend }),
    ];
    for (const call of calls) {
      const [a, e] = [await call(lean), await call(flow)];
      expect(difference([...a.dataSync()], [...e.dataSync()])).toBeLessThan(tolerance);
      disposeTree([a, e]);
    }
    dispose();
    disposeTree([actual.loss, actual.grads, expected.loss, expected.grads, g, h]);
    expect(backend.liveBuffers()).toBe(before);
  });
});

test('without masks it is the flow itself', async () => {
  const flow = flowWith(mlp({ dim: 2, hidden: [4], activation: 'tanh' }));
  expect((await prunedFlow(flow, { params: {}, masks: {} })).flow).toBe(flow);
});

test.each([
  ['weights', magnitude],
  ['neurons', neuronNorm],
] as const)('a round of training ends where the masked one ends: %s', async (_what, pruner) => {
  const study = { ...gaussiansSpiral, net: { layers: 3, hidden: 12, activation: 'tanh' as const } };
  const planned = planStudy(study, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference' })[0]!;
  const training = { epochs: 2, batch: 200, patience: null };
  const config = { ...planned.config, training, optimiser: { ...study.optimiser, learningRate: 1e-2 } };
  const backend = createReferenceBackend();
  const flow = planarFlowOf(config);
  const start = await pruned(backend, flow, pruner, 0.35);
  const { flow: lean, dispose } = await prunedFlow(flow, start);
  const train = async (f: Cnf, name: string): Promise<Params> => {
    const result = await trainRound(densityTask(config, backend, f), inMemory(toyDataOf(config)), start, config, {
      address: name,
      store: memoryCheckpointStore({ backend }),
      epochsBefore: 0,
      log: openRunLog({}, { address: name, label: name, config }, () => undefined),
      onProgress: () => undefined,
      shouldStop: () => false,
    });
    return result!.params;
  };
  const [small, masked] = [await train(lean, 'small'), await train(flow, 'masked')];
  dispose();
  // Adam divides gradients by their size, so that rounding errors of 1e-15 weigh more where gradients are small.
  expect(difference(numbers(small), numbers(masked))).toBeLessThan(1e-8);
  expect(difference(numbers(small), numbers(start.params))).toBeGreaterThan(1e-3);
});
