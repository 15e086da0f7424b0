import { cnf, exact, mlp } from '@sparseflow/cnf';
import type { Field } from '@sparseflow/cnf';
import { adam } from '@sparseflow/optim';
import { applyMasks, compact, costReport, magnitude, neuronNorm, prune } from '@sparseflow/pruning';
import { disposeTree, key, randomNormal } from '@sparseflow/tensor';
import type { ActivationName, Params } from '@sparseflow/tensor';
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
