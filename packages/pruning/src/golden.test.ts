import { readFileSync } from 'node:fs';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { tensor } from '@sparseflow/tensor';
import type { Tensor } from '@sparseflow/tensor';
import { describe, expect, test } from 'vitest';
import { chainNeurons, maskOf, sizeOf } from '../test/models.ts';
import { magnitude, neuronNorm, prune } from './index.ts';
import type { PruneOptions, PruneResult } from './index.ts';

interface Layer {
  w: number[][];
  b: number[];
}

interface Run {
  method?: 'ThresNet' | 'FilterThresNet';
  keep_ratio: number;
  budget_per_layer: number[];
  size_after: number;
  weight_masks: number[][][];
  bias_masks?: number[][];
}

interface Golden {
  weights: Layer[];
  torch_global_L1: Record<string, { weights_only: number[][][]; n_zero: number; weights_and_biases: Layer[] }>;
  torch_global_L1_iterated_20pct_of_remaining_x3: number[][][][];
  torch_structured_L1_rows_per_layer: Record<string, number[][][]>;
  row_L1_norms: number[][];
  torchprune: {
    num_layers: number;
    hidden: number;
    size: number;
    weights: Layer[];
    runs: Run[];
    cascade_without_retraining_ThresNet: Run[];
    cascade_without_retraining_FilterThresNet: Run[];
  }[];
}

const golden = JSON.parse(readFileSync(new URL('../test/fixtures/pruning.json', import.meta.url), 'utf8')) as Golden;
// The originals computed in float32.
const backend = createReferenceBackend({ dtype: 'float32' });

function paramsOf(layers: readonly Layer[]): Record<string, Tensor> {
  return Object.fromEntries(
    layers.flatMap(({ w, b }, i) => [
      [`layers.${i}.weight`, tensor(w, { backend })],
      [`layers.${i}.bias`, tensor(b, { backend })],
    ]),
  );
}

const masksOf = (params: Record<string, Tensor>, { masks }: Pick<PruneResult, 'masks'>, kind: 'weight' | 'bias') =>
  Promise.all(
    Object.keys(params)
      .filter((name) => name.endsWith(kind))
      .map((name) => maskOf(params, masks, name)),
  );

describe('torch.nn.utils.prune', () => {
  const params = paramsOf(golden.weights);
  const total = sizeOf(params);
  const amounts = Object.keys(golden.torch_global_L1);

  test.each(amounts)('global, L1, weights: %s', async (amount) => {
    const { weights_only, n_zero } = golden.torch_global_L1[amount]!;
    const result = await prune(params, undefined, magnitude, { keep: (total - n_zero) / total });
    expect(await masksOf(params, result, 'weight')).toEqual(weights_only.map((mask) => mask.flat()));
  });

  test.each(amounts)('global, L1, weights and biases: %s', async (amount) => {
    const expected = golden.torch_global_L1[amount]!.weights_and_biases;
    const zeros = expected.flatMap(({ w, b }) => [...w.flat(), ...b]).filter((m) => m === 0).length;
    const result = await prune(params, undefined, magnitude, { keep: (total - zeros) / total, candidates: () => true });
    expect(await masksOf(params, result, 'weight')).toEqual(expected.map(({ w }) => w.flat()));
    expect(await masksOf(params, result, 'bias')).toEqual(expected.map(({ b }) => b));
  });

  test('global, L1, 20 % of the remaining weights, three times', async () => {
    let state: Pick<PruneResult, 'params' | 'masks'> = { params, masks: {} };
    const biases = golden.weights.reduce((n, { b }) => n + b.length, 0);
    let weights = total - biases;
    for (const expected of golden.torch_global_L1_iterated_20pct_of_remaining_x3) {
      weights -= Math.round(0.2 * weights);
      state = await prune(state.params, state.masks, magnitude, { keep: (weights + biases) / total });
      expect(await masksOf(params, state, 'weight')).toEqual(expected.map((mask) => mask.flat()));
    }
  });

  test.each(Object.keys(golden.torch_structured_L1_rows_per_layer))(
    'structured, L1, rows of each layer: %s',
    async (amount) => {
      // It removes rows alone: no biases, no columns of the next layer, and not in the last layer.
      const rows = chainNeurons(golden.weights.slice(0, -1).map(({ b }) => b.length)).map((group) => ({
        ...group,
        axes: group.axes.filter(({ role }) => role === 'out'),
      }));
      const expected = golden.torch_structured_L1_rows_per_layer[amount]!.map((mask) => mask.flat());
      const zeros = expected.flat().filter((m) => m === 0).length;
      const result = await prune(params, undefined, neuronNorm, { keep: (total - zeros) / total, neurons: rows });
      expect((await masksOf(params, result, 'weight')).slice(0, expected.length)).toEqual(expected);
    },
  );

  test('norms of the rows', async () => {
    const neurons = chainNeurons(golden.weights.slice(0, -1).map(({ b }) => b.length));
    const scores = await neuronNorm.score(params, { masks: {}, neurons, candidates: [], key: undefined });
    neurons.forEach(({ name }, layer) => {
      golden.row_L1_norms[layer]!.forEach((norm, unit) => {
        // Up to 8 terms of order 1, each rounded to float32 (2⁻²⁴), in a sum that the original rounded as well.
        expect(Math.abs((scores[name] as Float64Array)[unit]! - norm)).toBeLessThan(16 * 2 ** -24);
      });
    });
  });
});

/**
 * Where the original leaves weights that read a removed unit. It removes a column when the unit's float32 activations over a batch are equal
 * bit by bit. Those of unit 5 of layer 1, all the sigmoid of one bias, are not: it is the last of its row, so the last element of the batch may
 * fall to the remainder of a vectorised loop, and its sigmoid hangs on the last bit of the exponential (tested below). Two runs remove that
 * unit, and both keep its column: 3 and 1 weights of layer 2, which count in their sizes. We remove the column of every removed unit.
 */
const KEPT_COLUMNS: readonly { size: number; keep: number; layer: number; column: number; entries: number }[] = [
  { size: 116, keep: 0.5, layer: 2, column: 5, entries: 3 },
  { size: 116, keep: 0.2, layer: 2, column: 5, entries: 1 },
];

describe.each(golden.torchprune.map((net) => [net.num_layers, net.hidden, net] as const))(
  'torchprune on a net of %i layers, %i hidden units',
  (layers, hidden, net) => {
    const params = paramsOf(net.weights);
    const neurons = chainNeurons(new Array<number>(layers - 1).fill(hidden));
    // The original prunes as far as it can and says so in its size; unstructured, it removes parameters without a gradient.
    const settings: Omit<PruneOptions, 'keep'> = {
      neurons,
      counting: 'original',
      deadNeurons: 'remove',
      unreachable: 'nearest',
      // The original empties layers.
      minKept: 0,
    };

    const check = async (run: Run, result: PruneResult, method: Run['method']): Promise<void> => {
      const expected = run.weight_masks.map((mask) => mask.map((row) => [...row]));
      const budgets = [...run.budget_per_layer];
      let size = run.size_after;
      for (const { layer, column, entries, ...where } of KEPT_COLUMNS) {
        if (where.size !== net.size || where.keep !== run.keep_ratio || method !== 'FilterThresNet') continue;
        expect(expected[layer]!.filter((row) => row[column] === 1)).toHaveLength(entries);
        for (const row of expected[layer]!) row[column] = 0;
        budgets[layer]! -= entries;
        size -= entries;
      }
      const weights = await masksOf(params, result, 'weight');
      expect(weights).toEqual(expected.map((mask) => mask.flat()));
      expect(weights.map((mask) => mask.filter((m) => m === 1).length)).toEqual(budgets);
      expect(result.report.size).toBe(size);
      if (run.bias_masks) expect(await masksOf(params, result, 'bias')).toEqual(run.bias_masks);
    };

    test.each(net.runs.map((run) => [run.method!, run.keep_ratio, run] as const))(
      '%s at %d',
      async (method, keep, run) => {
        const pruner = method === 'ThresNet' ? magnitude : neuronNorm;
        await check(run, await prune(params, undefined, pruner, { ...settings, keep }), method);
      },
    );

    test.each(['ThresNet', 'FilterThresNet'] as const)('cascade of %s without retraining', async (method) => {
      const pruner = method === 'ThresNet' ? magnitude : neuronNorm;
      let state: Pick<PruneResult, 'params' | 'masks'> = { params, masks: {} };
      const runs = net[`cascade_without_retraining_${method}`];
      for (const run of runs) {
        const result = await prune(state.params, state.masks, pruner, { ...settings, keep: run.keep_ratio });
        await check(run, result, undefined);
        state = result;
      }
    });
  },
);

test('of the last units of a row, only the sigmoid of the one whose column stays hangs on the last bit of the exponential', () => {
  const { hidden, weights } = golden.torchprune.find(({ size }) => size === 116)!;
  const sigmoidOf = (exponential: number) => Math.fround(1 / Math.fround(1 + exponential));
  const hangs = weights.slice(0, -1).map(({ b }) => {
    const exponential = Math.exp(-b[hidden - 1]!);
    // The two float32 numbers around it: libraries promise the exponential to one unit in the last place, no better.
    const bits = new Int32Array(Float32Array.of(exponential).buffer);
    bits[0]! += Math.fround(exponential) > exponential ? -1 : 1;
    const other = new Float32Array(bits.buffer)[0]!;
    return sigmoidOf(Math.fround(exponential)) !== sigmoidOf(other);
  });
  expect(hangs).toEqual([false, true, false]);
  expect(KEPT_COLUMNS.every(({ layer, column }) => layer === 2 && column === hidden - 1)).toBe(true);
});
