import { affine, disposeTree, key, mapTree, mul, scope } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';
import { chain, flatMask, flatValues } from '../test/models.ts';
import { magnitude, movement, neuronNorm, PruningError, snip, sparseFlow } from './index.ts';
import type { Masks, SparseFlowOptions, SparseFlowResult, TrainingPhase } from './index.ts';

/** Doubles every weight that is left, and writes down what it is told. */
function setup(more: Partial<SparseFlowOptions> = {}) {
  const backend = createReferenceBackend();
  const { params, neurons } = chain(backend, [2, 6, 2]);
  const calls: { phase: TrainingPhase; round: number; start: number[] }[] = [];
  const options: SparseFlowOptions = {
    params,
    neurons,
    pruner: magnitude,
    keepRatios: [0.8, 0.6],
    key: key(0),
    async train(given: Params, masks: Masks, round, _key, phase) {
      calls.push({ phase, round, start: await flatValues(given) });
      return {
        params: scope(() =>
          Object.fromEntries(
            Object.entries(given).map(([name, x]) => [
              name,
              masks[name] ? mul(affine(x, 2, 0), masks[name]) : affine(x, 2, 0),
            ]),
          ),
        ),
      };
    },
    ...more,
  };
  return { backend, params, options, calls };
}

const dispose = ({ rounds, fromScratch }: SparseFlowResult): void => {
  for (const round of fromScratch ? [...rounds, fromScratch] : rounds) disposeTree([round.params, round.masks]);
};

describe('retraining', () => {
  test.each(['learning-rate-rewind', 'fine-tune'] as const)('%s continues from the weights before', async (retrain) => {
    const { options, params, calls } = setup({ retrain });
    const { rounds } = await sparseFlow(options);
    expect(calls.map(({ phase }) => phase)).toEqual(['dense', retrain, retrain]);
    const [first, last] = [await flatValues(params), await flatMask(params, rounds[2]!.masks)];
    expect(await flatValues(rounds[2]!.params)).toEqual(first.map((x, i) => (last[i] === 1 ? 8 * x : 0)));
  });

  test('the default is the mode of the paper', async () => {
    const { options, calls } = setup();
    await sparseFlow(options);
    expect(calls.map(({ phase }) => phase)).toEqual(['dense', 'learning-rate-rewind', 'learning-rate-rewind']);
  });

  test('weight-rewind starts every round from the initial weights under the masks', async () => {
    const { options, params, calls, backend } = setup({ retrain: 'weight-rewind' });
    const before = backend.liveBuffers();
    const result = await sparseFlow(options);
    const initial = await flatValues(params);
    for (const [i, { round, start }] of calls.entries()) {
      expect(round).toBe(i);
      const mask = await flatMask(params, result.rounds[i]!.masks);
      expect(start).toEqual(initial.map((x, j) => (mask[j] === 1 ? x : 0)));
    }
    expect(result.rounds[2]!.report.size).toBe(Math.floor(0.6 * initial.length));
    dispose(result);
    expect(backend.liveBuffers()).toBe(before);
  });

  test('weight-rewind to an early moment', async () => {
    const { options, params, calls } = setup({ retrain: 'weight-rewind' });
    const rewindTo = mapTree(params, (x) => affine(x, 1.5, 0));
    await sparseFlow({ ...options, rewindTo });
    const early = await flatValues(rewindTo);
    expect(calls[0]!.start).toEqual(await flatValues(params));
    calls[1]!.start.forEach((x, i) => expect([0, early[i]]).toContain(x));
  });

  test('fresh weights are trained with the final masks, as a control', async () => {
    for (const pruner of [magnitude, movement]) {
      const { options, backend, calls } = setup({ pruner });
      const fresh = chain(backend, [2, 6, 2], 5).params;
      const before = backend.liveBuffers();
      const result = await sparseFlow({ ...options, fromScratch: fresh });
      expect(calls.at(-1)!.phase).toBe('from-scratch');
      const control = result.fromScratch!;
      expect(control.round).toBe(3);
      expect(control.keep).toBe(0.6);
      expect(control.report).toEqual(result.rounds[2]!.report);
      const mask = await flatMask(fresh, result.rounds[2]!.masks);
      expect(await flatMask(fresh, control.masks)).toEqual(mask);
      const values = await flatValues(fresh);
      expect(calls.at(-1)!.start).toEqual(values.map((x, i) => (mask[i] === 1 ? x : 0)));
      dispose(result);
      expect(backend.liveBuffers()).toBe(before);
    }
  });

  test('other models are refused before anything is trained', async () => {
    const { options, params, calls, backend } = setup();
    const other = chain(backend, [2, 5, 2]).params;
    await expect(sparseFlow({ ...options, fromScratch: other })).rejects.toThrow(
      "fromScratch has shape [5,2] for 'layers.0.weight'",
    );
    const { 'layers.1.bias': _, ...less } = params;
    await expect(sparseFlow({ ...options, rewindTo: less })).rejects.toThrow("rewindTo lacks 'layers.1.bias'");
    const resumed = { ...options, retrain: 'weight-rewind', resume: { round: 0 } } as const;
    await expect(sparseFlow(resumed)).rejects.toThrow(PruningError);
    await expect(sparseFlow(resumed)).rejects.toThrow('does not know the weights to go back to');
    expect(calls).toEqual([]);
  });

  test('what the pruner cannot do is said before anything is trained', async () => {
    const { options, calls } = setup();
    for (const [more, message] of [
      [{ pruner: neuronNorm, neurons: [] }, 'prunes neurons and got none'],
      [{ pruner: snip }, 'it looks at the loss and got none'],
      [{ exclude: ['layer.*'] }, 'which matches no parameter'],
      [{ minKept: -1 }, 'minKept is -1'],
    ] as const) {
      await expect(sparseFlow({ ...options, ...more })).rejects.toThrow(message);
    }
    expect(calls).toEqual([]);
  });
});
