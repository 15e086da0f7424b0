import { describe, expect, it } from 'vitest';
import { disposeTree, fold, key, randomNormal, slice } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { rk4 } from '@sparseflow/ode-solvers';
import { maxDifference } from '../test/fixtures.ts';
import { cnf } from './cnf.ts';
import { hutchinson } from './divergence/hutchinson.ts';
import { odeNet } from './fields/odeNet.ts';
import { lossAndGradInParts } from './inParts.ts';
import { kinetic } from './regularisers/kinetic.ts';

const backend = createReferenceBackend();
const field = odeNet({ shape: 2, hidden: [5], layer: 'concatsquash', activation: 'tanh', context: 1 });
// Equal steps, so that parts take the steps of the whole.
const flow = cnf({ field, solver: rk4, steps: 3, regularisers: [kinetic(0.1)] });
const params = flow.init(key(0), { backend });
const x = randomNormal(key(1), [7, 2], { backend });
const context = randomNormal(key(2), [7, 1], { backend });

describe('lossAndGradInParts', () => {
  it.each([1, 3, 6, 7, 100])('of %i rows is that of the whole batch', async (rows) => {
    const whole = await flow.lossAndGrad(params, x, { context });
    const parts = await lossAndGradInParts(flow, params, x, { context, rows });
    // Float64 sums in another order.
    for (const name of ['loss', 'penalty'] as const)
      expect(maxDifference(parts[name]!, Array.from(whole[name]!.dataSync()))).toBeLessThan(1e-13);
    for (const [name, gradient] of Object.entries(whole.grads))
      expect(maxDifference(parts.grads[name]!, Array.from(gradient.dataSync())), name).toBeLessThan(1e-13);
    const count = Math.ceil(7 / rows);
    expect(parts.stats).toMatchObject({ nfe: count * whole.stats.nfe, nfeBackward: count * whole.stats.nfeBackward });
  });

  it('gives each part noise of its own', async () => {
    const call = { divergence: hutchinson(), key: key(3) };
    const parts = await lossAndGradInParts(flow, params, x, { ...call, context, rows: 4 });
    const alone = await Promise.all(
      [0, 1].map((i) => {
        const part = <T extends typeof x>(whole: T) => slice(whole, [4 * i, 0], [i === 0 ? 4 : 3, -1]);
        return flow.lossAndGrad(params, part(x), { ...call, key: fold(call.key, i), context: part(context) });
      }),
    );
    const [a, b] = alone.map(({ loss }) => loss.dataSync()[0]!);
    expect(maxDifference(parts.loss, [(4 * a! + 3 * b!) / 7])).toBeLessThan(1e-13);
  });

  it('leaves its result only, also when a part fails', async () => {
    const before = backend.liveBuffers();
    const result = await lossAndGradInParts(flow, params, x, { context, rows: 3 });
    disposeTree([result.loss, result.grads, result.penalty!]);
    expect(backend.liveBuffers()).toBe(before);
    let calls = 0;
    const failing = {
      ...flow,
      lossAndGrad: (...args: Parameters<typeof flow.lossAndGrad>) =>
        ++calls > 1 ? Promise.reject(new Error('broken')) : flow.lossAndGrad(...args),
    };
    await expect(lossAndGradInParts(failing, params, x, { context, rows: 3 })).rejects.toThrow('broken');
    expect(backend.liveBuffers()).toBe(before);
    await expect(lossAndGradInParts(flow, params, x, { rows: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ValueError: lossAndGradInParts: 0 rows at once. To fix: give a positive integer.]`,
    );
  });
});
