import { cnf, evaluateNll, hutchinson, mlp } from '@sparseflow/cnf';
import { fit, adamW } from '@sparseflow/optim';
import { backsolve, checkpoint } from '@sparseflow/ode-solvers';
import { magnitude, neuronNorm, prune } from '@sparseflow/pruning';
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import { disposeTree, fold, key, randomNormal, type Backend } from '@sparseflow/tensor';
import { describe, expect, it } from 'vitest';

/** What a program of the packages together leaves behind, on backends whose memory nobody collects. */
describe.each<[string, () => Backend | Promise<Backend>]>([
  ['tfjs-cpu', () => createTfjsBackend('cpu')],
  ['tfjs-wasm', () => createTfjsBackend('wasm')],
  ['backend-cpu', () => createCpuBackend()],
])('%s', (_, open) => {
  it.each([checkpoint(), backsolve()])(
    '20 training steps by $name leave only their results, also when the last one throws',
    async (adjoint) => {
      const backend = await open();
      const flow = cnf({
        field: mlp({ dim: 2, hidden: [8], activation: 'sigmoid' }),
        divergence: hutchinson(),
        adjoint,
      });
      const params = flow.init(key(0), { backend });
      const before = backend.liveBuffers();
      const train = (failAt: number): Promise<unknown> => {
        let step = 0;
        return fit({
          params,
          epochs: 1,
          key: key(1),
          optimizer: adamW({ learningRate: 1e-2 }),
          *batches() {
            for (let i = 0; i < 20; i++) {
              const batch = randomNormal(fold(key(2), i), [16, 2], { backend });
              try {
                yield batch;
              } finally {
                batch.dispose();
              }
            }
          },
          async lossAndGrad(p, batch, stepKey) {
            const { loss, grads } = await flow.lossAndGrad(p, batch, { key: stepKey });
            if (++step === failAt) {
              disposeTree([loss, grads]);
              throw new Error('stop');
            }
            return { loss, grads };
          },
        }).then((result) => disposeTree(result.params));
      };
      await train(Infinity);
      expect(backend.liveBuffers()).toBe(before);
      await expect(train(20)).rejects.toThrow('stop');
      expect(backend.liveBuffers()).toBe(before);
      disposeTree(params);
    },
  );

  it('sampling, evaluating and pruning leave only their results', async () => {
    const backend = await open();
    const flow = cnf({ field: mlp({ dim: 2, hidden: [8, 8], activation: 'tanh' }) });
    const params = flow.init(key(0), { backend });
    const before = backend.liveBuffers();
    disposeTree(await flow.sample(params, 10, { key: key(1), backend }));
    disposeTree({ ...(await flow.sampleAndLogProb(params, 10, { key: key(1), backend })) });
    await evaluateNll(flow, params, new Float64Array(20), { backend, batchSize: 4 });
    for (const pruner of [magnitude, neuronNorm]) {
      const pruned = await prune(params, undefined, pruner, { keep: 0.6, neurons: flow.field.neurons });
      disposeTree([pruned.params, pruned.masks]);
    }
    expect(backend.liveBuffers()).toBe(before);
    disposeTree(params);
  });
});
