import { key, ones, tensor, uniform } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';
import { chain, flatMask, flatValues, maskOf } from '../test/models.ts';
import { applyMasks, countNonZero, magnitude, neuronNorm, prune, PruningError, sparsityReport } from './index.ts';
import type { Masks, Pruner, PruneOptions } from './index.ts';

const backend = createReferenceBackend();
const { params, neurons } = chain(backend, [2, 4, 2]); // 8 + 4 + 8 + 2 = 22 entries

describe('weights', () => {
  test('only entries of rank 2 and more are candidates, or those that are named', async () => {
    const { masks } = await prune(params, undefined, magnitude, { keep: 0.5 });
    expect(Object.keys(masks).sort()).toEqual(['layers.0.weight', 'layers.1.weight']);
    const onlyBiases = { keep: 19 / 22, candidates: (name: string) => name.endsWith('bias') };
    const biases = await prune(params, undefined, magnitude, onlyBiases);
    expect(Object.keys(biases.masks).every((name) => name.endsWith('bias'))).toBe(true);
    expect(biases.report.size).toBe(19);
    // As for nets whose gates are matrices of one row: only large parameters.
    const large = { keep: 0.7, candidates: (_name: string, { size }: { size: number }) => size > 4 };
    expect((await prune(params, undefined, magnitude, large)).report.parameters['layers.0.bias']).toEqual({
      size: 4,
      kept: 4,
    });
  });

  test('every count is met when it is asked for as a ratio', async () => {
    // n/N · N falls short of n for some n in floating point: 49/61 · 61 is one.
    const flat = { weight: ones([1, 61], { backend }) };
    for (let n = 1; n <= 61; n++) {
      expect((await prune(flat, undefined, magnitude, { keep: n / 61 })).report.size).toBe(n);
    }
  });

  test('keep 1 changes nothing', async () => {
    const result = await prune(params, undefined, magnitude, { keep: 1 });
    expect(result.masks).toEqual({});
    expect(await flatValues(result.params)).toEqual(await flatValues(params));
  });

  test('a masked weight stays masked, whatever its value', async () => {
    const dense = { weight: tensor([[9, 8, 1, 2]], { backend }) };
    const masks = { weight: tensor([[0, 1, 1, 1]], { backend }) };
    const result = await prune(dense, masks, magnitude, { keep: 0.5 });
    expect(await maskOf(dense, result.masks, 'weight')).toEqual([0, 1, 0, 1]);
    expect(await flatValues(result.params)).toEqual([0, 8, 0, 2]);
  });

  test('NaN under a mask does no harm, and a pruner sees zero there', async () => {
    const broken = { weight: tensor([[NaN, 8, 1, 2]], { backend }) };
    const masks = { weight: tensor([[0, 1, 1, 1]], { backend }) };
    expect(await flatValues((await prune(broken, masks, magnitude, { keep: 0.5 })).params)).toEqual([0, 8, 0, 2]);
  });

  test('infinite scores keep and remove for sure, and NaN counts only where something is left', async () => {
    const values = { weight: tensor([[1, 2, 3, 4]], { backend }) };
    const forced: Pruner = { ...magnitude, score: () => ({ weight: [Infinity, -Infinity, Infinity, 4] }) };
    expect(await maskOf(values, (await prune(values, undefined, forced, { keep: 0.5 })).masks, 'weight')).toEqual([
      1, 0, 1, 0,
    ]);
    const masks = { weight: tensor([[1, 0, 1, 1]], { backend }) };
    const odd: Pruner = { ...magnitude, score: () => ({ weight: [1, NaN, 3, 4] }) };
    expect(await maskOf(values, (await prune(values, masks, odd, { keep: 0.5 })).masks, 'weight')).toEqual([
      0, 0, 1, 1,
    ]);
  });
});

describe('dead neurons', () => {
  // Units 0 and 1 of the first layer, of which only the second is read once the smallest weight goes; then unit 0 goes whole.
  const small = {
    'layers.0.weight': tensor([[5], [6]], { backend }),
    'layers.0.bias': tensor([7, 8], { backend }),
    'layers.1.weight': tensor([[0.1, 4]], { backend }),
    'layers.1.bias': tensor([9], { backend }),
  };
  const groups = chain(backend, [1, 2, 1]).neurons;

  test('go with their incoming weights and biases', async () => {
    const { masks, report } = await prune(small, undefined, magnitude, {
      keep: 4 / 7,
      neurons: groups,
      deadNeurons: 'remove',
    });
    expect(await flatMask(small, masks)).toEqual([0, 1, 0, 1, 0, 1, 1]);
    expect(report.size).toBe(4);
    expect(report.neurons['layers.0']).toEqual({ size: 2, kept: 1 });
  });

  test('go layer by layer, back to the first', async () => {
    const deep = chain(backend, [1, 1, 1, 1]);
    // Without its last weight nothing of this net reaches the output but the last bias.
    const last: Pruner = {
      ...magnitude,
      score: () => ({ 'layers.0.weight': [3], 'layers.1.weight': [2], 'layers.2.weight': [1] }),
    };
    const options = { keep: 1 / 6, deadNeurons: 'remove', minKept: 0, neurons: [...deep.neurons].reverse() } as const;
    expect(await flatMask(deep.params, (await prune(deep.params, undefined, last, options)).masks)).toEqual([
      0, 0, 0, 0, 0, 1,
    ]);
  });

  test('make small ratios reachable', async () => {
    const { report } = await prune(params, undefined, magnitude, {
      keep: 0.2,
      neurons,
      deadNeurons: 'remove',
      minKept: 0,
    });
    expect(report.size).toBeLessThan(6);
  });

  test('go without changing the function', async () => {
    const wide = chain(backend, [2, 8, 8, 2], 5);
    const x = uniform(key(1), 2);
    for (const keep of [0.4, 0.2, 0.1]) {
      const options = { keep, neurons: wide.neurons, deadNeurons: 'remove', minKept: 0 } as const;
      const { params: sparse, masks, report } = await prune(wide.params, undefined, magnitude, options);
      expect(report.neurons['layers.0']!.kept + report.neurons['layers.1']!.kept).toBeLessThan(16);
      const revived = await withDeadUnits(wide.params, masks);
      expect(await countNonZero(revived)).toBeGreaterThan(await countNonZero(sparse));
      expect(await forward(sparse, x)).toEqual(await forward(revived, x));
    }
  });
});

/** tanh MLP in plain numbers. */
async function forward(given: Params, x: ArrayLike<number>): Promise<number[]> {
  let z = Array.from(x);
  for (let l = 0; given[`layers.${l}.weight`]; l++) {
    const weight = await given[`layers.${l}.weight`]!.data();
    const bias = await given[`layers.${l}.bias`]!.data();
    const last = !given[`layers.${l + 1}.weight`];
    const width = z.length;
    z = Array.from(bias, (b, i) => {
      const sum = z.reduce((s, zj, j) => s + weight[i * width + j]! * zj, 0) + b;
      return last ? sum : Math.tanh(sum);
    });
  }
  return z;
}

/** Gives the units that were removed their biases and incoming weights back; what reads them stays masked. */
async function withDeadUnits(dense: Params, masks: Masks): Promise<Params> {
  const own: Record<string, Masks[string]> = {};
  for (const [name, mask] of Object.entries(masks)) {
    if (name.endsWith('bias')) continue;
    const values = await mask.data();
    const bias = await maskOf(dense, masks, name.replace('weight', 'bias'));
    const width = mask.shape[1]!;
    own[name] = tensor(
      values.map((m, i) => (bias[Math.floor(i / width)] === 1 ? m : 1)),
      { backend, shape: mask.shape },
    );
  }
  return applyMasks(dense, own);
}

describe('neurons', () => {
  test('go with their rows, biases and the columns that read them; the original counting keeps biases', async () => {
    const given = {
      'layers.0.weight': tensor([[3], [1], [2]], { backend }),
      'layers.0.bias': tensor([1, 1, 1], { backend }),
      'layers.1.weight': tensor([[1, 1, 1]], { backend }),
      'layers.1.bias': tensor([1], { backend }),
    };
    const groups = chain(backend, [1, 3, 1]).neurons;
    const complete = await prune(given, undefined, neuronNorm, { keep: 0.7, neurons: groups });
    expect(await flatMask(given, complete.masks)).toEqual([1, 0, 1, 1, 0, 1, 1, 0, 1, 1]);
    expect(complete.report.size).toBe(7);
    const original = await prune(given, undefined, neuronNorm, { keep: 0.8, neurons: groups, counting: 'original' });
    expect(await flatMask(given, original.masks)).toEqual([1, 0, 1, 1, 1, 1, 1, 0, 1, 1]);
    expect(original.report.size).toBe(8);
    // A later round leaves the biases that were kept, and does not take the removed unit for a live one.
    const next = await prune(original.params, original.masks, neuronNorm, {
      keep: 0.6,
      neurons: groups,
      counting: 'original',
    });
    expect(await flatMask(given, next.masks)).toEqual([1, 0, 0, 1, 1, 1, 1, 0, 0, 1]);
    const mixed = await prune(original.params, original.masks, neuronNorm, { keep: 0.5, neurons: groups });
    expect(await flatMask(given, mixed.masks)).toEqual([1, 0, 0, 1, 1, 0, 1, 0, 0, 1]);
  });

  test('of equal distance, the smaller size', async () => {
    // 4 units of 5 entries and 2 biases: 22, 17, 12, 7. 14.5 lies between 12 and 17.
    expect((await prune(params, undefined, neuronNorm, { keep: 14.5 / 22, neurons })).report.size).toBe(12);
  });

  test('gates and second weights of a unit go with it', async () => {
    const given = {
      w: tensor([[1], [5]], { backend }),
      gate: tensor([[1, 1]], { backend }),
      next: tensor([[1, 1]], { backend }),
    };
    const group = {
      name: 'g',
      size: 2,
      axes: [
        { param: 'w', axis: 0, role: 'out' },
        { param: 'gate', axis: 1, role: 'bias' },
        { param: 'next', axis: 1, role: 'in' },
      ],
    } as const;
    const { masks } = await prune(given, undefined, neuronNorm, { keep: 0.5, neurons: [group] });
    expect(await flatMask(given, masks)).toEqual([0, 1, 0, 1, 0, 1]);
  });
});

describe('counting', () => {
  test('non-zero values, under the masks', async () => {
    const given = { a: tensor([0, 1, 2, 3], { backend }), b: tensor([0, 5], { backend }) };
    expect(await countNonZero(given)).toBe(4);
    expect(await countNonZero(given, { a: tensor([1, 1, 0, 1], { backend }) })).toBe(3);
  });

  test('leaves no buffer behind', async () => {
    const before = backend.liveBuffers();
    await countNonZero(params);
    await sparsityReport(params, undefined, neurons);
    expect(backend.liveBuffers()).toBe(before);
  });
});

describe('bad input: a typed error, nothing allocated, and the model untouched', () => {
  const group = neurons[0]!;
  const wrong = (axes: unknown, more: object = {}): Partial<PruneOptions> =>
    ({ neurons: [{ ...group, axes, ...more }] }) as unknown as Partial<PruneOptions>;
  const cases: [string, Partial<PruneOptions>, Masks?][] = [
    ['keep is 0', { keep: 0 }],
    ['keep is -0.5', { keep: -0.5 }],
    ['keep is 1.5', { keep: 1.5 }],
    ['keep is NaN', { keep: NaN }],
    ['prunes neurons and got none', { neurons: [] }],
    ['prunes neurons, and candidates are parameters', { candidates: () => true }],
    ["exclude has 'layers.1', which matches no neuron group", { exclude: ['layers.1'] }],
    ["scope has 'layers.1', which matches no neuron group", { scope: ['layers.1'] }],
    ['nothing may be pruned of layers.0', { exclude: ['*'] }],
    ["refers to parameter 'nope', which does not exist", wrong([{ param: 'nope', axis: 0, role: 'out' }])],
    ['has 4 units, but axis 1', wrong([{ param: 'layers.0.weight', axis: 1, role: 'out' }])],
    ['has no entries', wrong([{ param: 'layers.0.weight', axis: 2, role: 'out' }])],
    ["has no axis with role 'out'", wrong([{ param: 'layers.0.bias', axis: 0, role: 'bias' }])],
    ['is listed twice', { neurons: [group, group] }],
    ["has 'nope', which is not a parameter", {}, { nope: ones([1], { backend }) }],
    ["has shape [4] for 'layers.0.weight'", {}, { 'layers.0.weight': ones([4], { backend }) }],
    ["the mask of 'layers.0.bias' is 0.5 at index 1", {}, { 'layers.0.bias': tensor([1, 0.5, 1, 1], { backend }) }],
    [
      'more than the 12 that are left of 22',
      { keep: 0.9 },
      {
        'layers.0.weight': tensor(new Float64Array(8), { backend, shape: [4, 2] }),
        'layers.1.bias': tensor([0, 0], { backend }),
      },
    ],
  ];
  test.each(cases)('%s', async (message, options, masks) => {
    const [before, values] = [backend.liveBuffers(), await flatValues(params)];
    const pruning = prune(params, masks, neuronNorm, { keep: 0.5, neurons, ...options });
    await expect(pruning).rejects.toThrow(PruningError);
    await expect(pruning).rejects.toThrow(message);
    expect(backend.liveBuffers()).toBe(before);
    expect(await flatValues(params)).toEqual(values);
  });

  test.each<[string, Partial<PruneOptions>]>([
    ["exclude has 'layer.0.*', which matches no parameter", { exclude: ['layers.*.weight', 'layer.0.*'] }],
    ['scope has /w$/, which matches no parameter', { scope: [/w$/] }],
    ['nothing may be pruned of layers.0.weight,', { candidates: () => false }],
    ['nothing may be pruned of layers.0.weight,', { exclude: ['*.weight'] }],
    ["the scope is 'globl'", { scope: 'globl' as 'global' }],
  ])('of weights: %s', async (message, options) => {
    await expect(prune(params, undefined, magnitude, { keep: 0.5, ...options })).rejects.toThrow(message);
  });

  test('a pattern that matches nothing: says which names there are', async () => {
    const pruning = prune(params, undefined, neuronNorm, { keep: 0.5, neurons, exclude: ['layers.0.weight'] });
    await expect(pruning).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PruningError: prune: exclude has 'layers.0.weight', which matches no neuron group. To fix: use the names layers.0, with * for any characters.]`,
    );
  });

  test('above what is left, the nearest is to prune nothing', async () => {
    for (const pruner of [magnitude, neuronNorm]) {
      const half = await prune(params, undefined, pruner, { keep: 0.5, neurons });
      const more = { keep: 0.9, neurons, unreachable: 'nearest' } as const;
      const same = await prune(half.params, half.masks, pruner, more);
      expect(await flatMask(params, same.masks)).toEqual(await flatMask(params, half.masks));
    }
  });

  test('no parameters', async () => {
    await expect(prune({}, undefined, magnitude, { keep: 0.5 })).rejects.toThrow('there are no parameters');
  });

  test('dead neurons without groups', async () => {
    const pruning = prune(params, undefined, magnitude, { keep: 0.5, deadNeurons: 'remove' });
    await expect(pruning).rejects.toThrow('no neurons are named');
  });

  test('wrong number of scores', async () => {
    const short: Pruner = { ...magnitude, name: 'short', score: () => ({ 'layers.0.weight': [1, 2] }) };
    await expect(prune(params, undefined, short, { keep: 0.5 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PruningError: pruner 'short': it gave 2 scores for 'layers.0.weight', which has 8. To fix: return one score per entry of every candidate parameter.]`,
    );
  });

  test('what cannot be removed is more than the budget: says the smallest reachable ratio', async () => {
    await expect(prune(params, undefined, magnitude, { keep: 0.2 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PruningError: prune: keep 0.2 is 4 entries, but 8 of 22 cannot be removed. To fix: pass at least 0.36363636363636365, or { unreachable: 'nearest' }, or { deadNeurons: 'remove' } or { minKept: 0 }, which reach less.]`,
    );
    const original = { keep: 0.3, neurons, counting: 'original' } as const;
    await expect(prune(params, undefined, neuronNorm, original)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PruningError: prune: keep 0.3 is 6 entries, but 10 of 22 cannot be removed. To fix: pass at least 0.45454545454545453, or { unreachable: 'nearest' }, or { counting: 'complete' }, which reaches less.]`,
    );
    // The ratio that is named is reachable.
    expect((await prune(params, undefined, magnitude, { keep: 8 / 22 })).report.size).toBe(8);
    expect((await prune(params, undefined, neuronNorm, { ...original, keep: 10 / 22 })).report.size).toBe(10);
    expect((await prune(params, undefined, neuronNorm, { ...original, unreachable: 'nearest' })).report.size).toBe(10);
  });
});
