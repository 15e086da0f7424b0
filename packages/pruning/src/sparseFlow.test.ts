import { add, disposeTree, fold, full, key, mapTree, mul, normal, scope, tensor } from '@sparseflow/tensor';
import type { Key, Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test, vi } from 'vitest';
import { chain, flatMask, flatValues } from '../test/models.ts';
import { magnitude, neuronNorm, PruningError, randomWeights, sparseFlow, whileLossDecreases } from './index.ts';
import type { Masks, Round, RoundSummary, SparseFlowOptions } from './index.ts';

/** Random steps, masked: stands for a training whose outcome depends on the weights, the round and the key. */
function wander(params: Params, masks: Masks, round: number, key: Key) {
  const moved = scope(() =>
    Object.fromEntries(
      Object.entries(params).map(([name, x], i): [string, Tensor] => {
        const noise = tensor(normal(fold(key, i), x.size), { backend: x.backend, shape: x.shape });
        const next = add(x, mul(noise, 0.1));
        return [name, masks[name] ? mul(next, masks[name]) : next];
      }),
    ),
  );
  return { params: moved, metrics: { loss: 10 - round } };
}

function setup(more: Partial<SparseFlowOptions> = {}) {
  const backend = createReferenceBackend();
  const { params, neurons } = chain(backend, [2, 6, 6, 2]);
  const options: SparseFlowOptions = {
    params,
    neurons,
    pruner: magnitude,
    keepRatios: [0.8, 0.6, 0.4],
    train: wander,
    key: key(3),
    ...more,
  };
  return { backend, params, options };
}

const disposeRounds = (rounds: readonly Round[]): void => {
  for (const { params, masks } of rounds) disposeTree([params, masks]);
};

describe('rounds', () => {
  test('the dense flow is trained first; then each ratio is pruned and trained, and weights continue', async () => {
    const seen: { round: number; start: number[]; zeros: number }[] = [];
    const { options, params } = setup({
      async train(given, masks, round, key) {
        const start = await flatValues(given);
        seen.push({ round, start, zeros: (await flatMask(given, masks)).filter((m) => m === 0).length });
        return wander(given, masks, round, key);
      },
    });
    const { rounds, stoppedBy } = await sparseFlow(options);
    expect(stoppedBy).toBe('schedule');
    expect(rounds.map(({ round, keep }) => [round, keep])).toEqual([
      [0, 1],
      [1, 0.8],
      [2, 0.6],
      [3, 0.4],
    ]);
    // 18 + 42 + 14 = 74 entries: ⌊59.2⌋, ⌊44.4⌋, ⌊29.6⌋ are kept.
    expect(rounds.map(({ report }) => report.size)).toEqual([74, 59, 44, 29]);
    expect(seen.map(({ zeros }) => zeros)).toEqual([0, 15, 30, 45]);
    expect(seen[0]!.start).toEqual(await flatValues(params));
    for (const i of [1, 2, 3]) {
      const before = await flatValues(rounds[i - 1]!.params);
      const mask = await flatMask(params, rounds[i]!.masks);
      expect(seen[i]!.start).toEqual(before.map((x, j) => (mask[j] === 1 ? x : 0)));
      const outside = (await flatValues(rounds[i]!.params)).filter((_, j) => mask[j] === 0);
      expect(outside.every((x) => x === 0)).toBe(true);
    }
    expect(rounds.map(({ metrics }) => metrics)).toEqual([{ loss: 10 }, { loss: 9 }, { loss: 8 }, { loss: 7 }]);
  });

  test('masks only lose ones', async () => {
    for (const pruner of [magnitude, neuronNorm, randomWeights]) {
      const { options, params } = setup({ pruner });
      const { rounds } = await sparseFlow(options);
      const masks = await Promise.all(rounds.map((round) => flatMask(params, round.masks)));
      masks.slice(1).forEach((mask, i) => expect(mask.every((m, j) => m <= masks[i]![j]!)).toBe(true));
    }
  });

  test('structured rounds come out at coarse sizes, and one that is already below its ratio prunes nothing', async () => {
    // With n units per layer the size is n² + 6n + 2 (2n + n² + 2n weights, 2n + 2 biases): 74, 57, 42, 29, 18, 9.
    const { options } = setup({ pruner: neuronNorm, keepRatios: [0.6, 0.56, 0.55, 0.3] });
    const { rounds } = await sparseFlow(options);
    expect(rounds.map(({ report }) => report.size)).toEqual([74, 42, 42, 42, 18]);
    expect(rounds[4]!.report.neurons).toEqual({ 'layers.0': { size: 6, kept: 2 }, 'layers.1': { size: 6, kept: 2 } });
  });

  test('ratios of one are the control: nothing is pruned, every round is trained', async () => {
    const train = vi.fn(wander);
    const { rounds } = await sparseFlow(setup({ keepRatios: [1, 1], train }).options);
    expect(train).toHaveBeenCalledTimes(3);
    expect(rounds.map(({ report, masks }) => [report.size, Object.keys(masks)])).toEqual(new Array(3).fill([74, []]));
  });

  test('what evaluate measures is added to what train says', async () => {
    const evaluate = vi.fn(async (_params: Params, _masks: Masks, round: number) => ({ nll: round / 2 }));
    const { rounds } = await sparseFlow(setup({ keepRatios: [0.5], evaluate }).options);
    expect(rounds.map(({ metrics }) => metrics)).toEqual([
      { loss: 10, nll: 0 },
      { loss: 9, nll: 0.5 },
    ]);
  });

  test('the stop rule ends it', async () => {
    const losses = [3, 2, 2.5, 1];
    const { options } = setup({
      evaluate: (_params, _masks, round) => ({ loss: losses[round]! }),
      stop: whileLossDecreases(({ metrics }) => metrics['loss']!),
    });
    const { rounds, stoppedBy } = await sparseFlow(options);
    expect(rounds.map(({ round }) => round)).toEqual([0, 1, 2]);
    expect(stoppedBy).toBe('rule');
  });
});

describe('randomness and resuming', () => {
  const values = (rounds: readonly Round[]) => Promise.all(rounds.map(({ params }) => flatValues(params)));

  test('the same key gives the same rounds, another key others', async () => {
    const run = async (seed: number) =>
      values((await sparseFlow(setup({ key: key(seed), pruner: randomWeights }).options)).rounds);
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  test.each([magnitude, neuronNorm, randomWeights])(
    'resumed after any round, $name goes on as if uninterrupted',
    async (pruner) => {
      const { options } = setup({ pruner });
      const { rounds } = await sparseFlow(options);
      for (const [i, { round, params, masks }] of rounds.entries()) {
        const history = rounds.slice(0, i + 1).map(({ params: _p, masks: _m, ...summary }): RoundSummary => summary);
        const resumed = await sparseFlow({ ...options, params, masks, resume: { round, history } });
        expect(resumed.rounds.map(({ round }) => round)).toEqual([1, 2, 3].slice(i));
        expect(await values(resumed.rounds)).toEqual(await values(rounds.slice(i + 1)));
        expect(resumed.rounds.map(({ report }) => report)).toEqual(rounds.slice(i + 1).map(({ report }) => report));
      }
    },
  );

  test('the history counts for the stop rule', async () => {
    const { options } = setup({ stop: whileLossDecreases(({ metrics }) => metrics['loss']!) });
    const { rounds } = await sparseFlow({ ...options, keepRatios: [0.9] });
    const history = rounds.map(({ params: _p, masks: _m, ...summary }): RoundSummary => ({
      ...summary,
      metrics: { loss: 1 },
    }));
    const { params, masks } = rounds[1]!;
    const resumed = await sparseFlow({ ...options, params, masks, resume: { round: 1, history } });
    expect(resumed).toEqual({ rounds: [], stoppedBy: 'rule' });
  });
});

describe('memory', () => {
  test('the result holds the rounds and nothing else', async () => {
    const { backend, options } = setup();
    const before = backend.liveBuffers();
    const { rounds } = await sparseFlow(options);
    const tensors = rounds.flatMap(({ params, masks }) => [...Object.values(params), ...Object.values(masks)]);
    expect(backend.liveBuffers()).toBe(before + tensors.length);
    disposeRounds(rounds);
    expect(backend.liveBuffers()).toBe(before);
  });

  test('a train that returns what it got, or a part of it, neither leaks nor loses the input', async () => {
    const { backend, options, params } = setup({
      train: (given) => ({ params: { ...given, 'layers.0.bias': mapTree(given['layers.0.bias']!, (x) => mul(x, 2)) } }),
    });
    const before = backend.liveBuffers();
    disposeRounds((await sparseFlow(options)).rounds);
    expect(backend.liveBuffers()).toBe(before);
    expect(Object.values(params).some(({ isDisposed }) => isDisposed)).toBe(false);
    await flatValues(params);
  });

  test("with retain 'last' it does not grow, and onRound sees every round alive", async () => {
    const peaks: number[] = [];
    const { backend, options } = setup({ retain: 'last', keepRatios: [0.9, 0.8, 0.7, 0.6, 0.5, 0.4] });
    const before = backend.liveBuffers();
    const { rounds } = await sparseFlow({
      ...options,
      async onRound(round) {
        await flatValues(round.params);
        peaks.push(backend.liveBuffers() - before);
      },
    });
    // Two rounds of 6 parameters and at most 3 masks.
    expect(Math.max(...peaks)).toBeLessThanOrEqual(18);
    expect(rounds.map(({ params }) => Object.values(params)[0]!.isDisposed)).toEqual([
      ...new Array(6).fill(true),
      false,
    ]);
    disposeRounds(rounds);
    expect(backend.liveBuffers()).toBe(before);
  });

  test.each(['train', 'evaluate', 'onRound'] as const)('when %s throws, nothing stays', async (where) => {
    const { backend, options } = setup();
    const before = backend.liveBuffers();
    const fail = (round: number) => {
      if (round === 2) throw new Error('out of time');
    };
    const failing: Partial<SparseFlowOptions> = {
      train: (params, masks, round, key) => {
        if (where === 'train') fail(round);
        return wander(params, masks, round, key);
      },
      evaluate: (_params, _masks, round) => (where === 'evaluate' ? (fail(round), {}) : {}),
      onRound: ({ round }) => (where === 'onRound' ? fail(round) : undefined),
    };
    await expect(sparseFlow({ ...options, ...failing })).rejects.toThrow('out of time');
    expect(backend.liveBuffers()).toBe(before);
  });
});

describe('bad input', () => {
  test.each([
    [{ keepRatios: [0.5, 0.6] }, 'keep ratio 1 is 0.6 after 0.5'],
    [{ keepRatios: [0] }, 'keep ratio 0 is 0'],
    [{ keepRatios: [NaN] }, 'keep ratio 0 is NaN'],
    [{ resume: { round: 4 } }, 'cannot resume after round 4 of 3'],
    [{ resume: { round: -1 } }, 'cannot resume after round -1'],
  ])('%j', async (more, message) => {
    const train = vi.fn(wander);
    const flow = sparseFlow(setup({ ...more, train }).options);
    await expect(flow).rejects.toThrow(PruningError);
    await expect(flow).rejects.toThrow(message);
    expect(train).not.toHaveBeenCalled();
  });

  test('a train that forgets the masks', async () => {
    const { backend, options } = setup({
      train: (params) => ({
        params: mapTree(params, (x) => scope(() => add(x, full([], 0.5, x)))),
      }),
    });
    const before = backend.liveBuffers();
    await expect(sparseFlow(options)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PruningError: sparseFlow: train returned masked entries of 'layers.0.weight' that are not zero (their absolute sum is 1.5). To fix: apply the masks after every optimiser step.]`,
    );
    expect(backend.liveBuffers()).toBe(before);
  });

  test('a train that returns other parameters', async () => {
    const lacking = setup({ train: ({ 'layers.0.bias': _, ...params }) => ({ params }) });
    await expect(sparseFlow(lacking.options)).rejects.toThrow("lacks 'layers.0.bias'");
    const other = setup({ train: (params) => ({ params: { ...params, extra: params['layers.0.bias']! } }) });
    await expect(sparseFlow(other.options)).rejects.toThrow("has 'extra', which is not a parameter");
  });

  test('an unreachable ratio is refused in its round, or pruned as far as possible', async () => {
    const { options } = setup({ keepRatios: [0.5, 0.1] });
    await expect(sparseFlow(options)).rejects.toThrow('cannot be removed');
    const { rounds } = await sparseFlow({ ...options, unreachable: 'nearest' });
    // 14 biases, and a weight of each layer.
    expect(rounds.at(-1)!.report.size).toBe(17);
    const dead = await sparseFlow({ ...options, deadNeurons: 'remove', minKept: 0 });
    expect(dead.rounds.at(-1)!.report.size).toBeLessThan(14);
  });
});
