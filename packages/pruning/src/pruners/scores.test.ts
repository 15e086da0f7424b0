import {
  add,
  affine,
  disposeTree,
  key,
  matMul,
  mul,
  scope,
  square,
  sub,
  sum,
  tensor,
  valueAndGrad,
} from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';
import { chain, chainObjective } from '../../test/models.ts';
import {
  activationSensitivity,
  fisher,
  fpgm,
  lamp,
  movement,
  neuronNormL2,
  objectiveOf,
  obd,
  optimalBrainDamage,
  prune,
  pruners,
  snip,
  sparseFlow,
  taylor,
  taylorNeurons,
} from '../index.ts';
import type { Pruner, PruningContext } from '../index.ts';

const backend = createReferenceBackend();
const context = (more: Partial<PruningContext> = {}): PruningContext => ({
  masks: {},
  neurons: [],
  candidates: ['w'],
  key: undefined,
  ...more,
});
const scoreOf = async (pruner: Pruner, params: Params, more: Partial<PruningContext>) =>
  (await pruner.score(params, context(more))) as Record<string, Float64Array>;
const close = (actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-12): void => {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((x, i) => expect(Math.abs(actual[i]! - x)).toBeLessThanOrEqual(tolerance));
};
const rowsGroup = (size: number) => [{ name: 'g', size, axes: [{ param: 'w', axis: 0, role: 'out' }] }] as const;

/** Gradients [1, -1] and [1, 1], whatever the parameters. */
const linear = objectiveOf(({ w }, batch) => sum(mul(tensor([[1, batch === 0 ? -1 : 1]], { backend }), w!)), 2);
const two = { w: tensor([[2, 3]], { backend }) };

describe('closed forms', () => {
  test('SNIP, Taylor and Fisher of known gradients', async () => {
    close((await scoreOf(snip, two, { objective: linear }))['w']!, [2, 0]);
    close((await scoreOf(taylor, two, { objective: linear }))['w']!, [4, 9]);
    close((await scoreOf(fisher, two, { objective: linear }))['w']!, [2, 4.5]);
  });

  test('Fisher of batches is that of their samples', async () => {
    // Of 4 samples with the gradients 1, 3, -2 and 6: every way to make two batches of two of them, or four of one.
    const samples = [1, 3, -2, 6];
    const squares = samples.reduce((sum, g) => sum + g ** 2, 0) / 4;
    const fisherOf = async (groups: readonly (readonly number[])[]) => {
      const gradients = groups.map((group) => group.reduce((sum, i) => sum + samples[i]!, 0) / group.length);
      const objective = objectiveOf(({ w }, batch) => affine(sum(w!), gradients[batch]!, 0), groups.length);
      const scores = await scoreOf(
        fisher,
        { w: tensor([[2]], { backend }) },
        { objective: { ...objective, rows: groups[0]!.length } },
      );
      return scores['w']![0]!;
    };
    close([await fisherOf([[0], [1], [2], [3]])], [2 * squares]);
    // Samples are drawn with replacement, so that batches are independent: the mean over all draws is the value itself.
    const draws = Array.from({ length: 256 }, (_, n) => [
      [n & 3, (n >> 2) & 3],
      [(n >> 4) & 3, n >> 6],
    ]);
    const scores = await Promise.all(draws.map(fisherOf));
    close([scores.reduce((sum, s) => sum + s, 0) / 256], [2 * squares], 1e-10);
    // One batch says nothing of its spread.
    close([await fisherOf([[0, 1]])], [2 * 2 ** 2]);
  });

  test('Taylor of neurons adds up before squaring, and takes the bias along', async () => {
    const params = { w: tensor([[2, 3]], { backend }), b: tensor([5], { backend }) };
    const objective = objectiveOf(({ w, b }, i) => add(sum(affine(w!, i + 1, 0)), sum(affine(b!, -1, 0))), 2);
    const neurons = [
      { name: 'g', size: 1, axes: [...rowsGroup(1)[0].axes, { param: 'b', axis: 0, role: 'bias' }] },
    ] as const;
    // (2 + 3 - 5)² and (4 + 6 - 5)², on average.
    close((await scoreOf(taylorNeurons, params, { objective, neurons }))['g']!, [12.5]);
  });

  test('LAMP', async () => {
    const params = { w: tensor([[1, -3, 2, 0]], { backend }) };
    close((await scoreOf(lamp, params, {}))['w']!, [1 / 14, 1, 4 / 13, 0]);
    close((await scoreOf(lamp, { w: tensor([[0, 0]], { backend }) }, {}))['w']!, [0, 0]);
  });

  test('FPGM is the sum of distances to the other units that are left', async () => {
    const params = {
      w: tensor(
        [
          [0, 0],
          [3, 4],
          [6, 8],
          [0, 0],
        ],
        { backend },
      ),
    };
    const neurons = rowsGroup(4);
    close((await scoreOf(fpgm, params, { neurons }))['g']!, [15, 15, 25, 15]);
    const masks = {
      w: tensor(
        [
          [1, 1],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
        { backend },
      ),
    };
    close((await scoreOf(fpgm, params, { neurons, masks }))['g']!, [15, 10, 15, 0]);
  });

  test('ℓ₂ norms, squared', async () => {
    const params = {
      w: tensor(
        [
          [3, -4],
          [1, 1],
        ],
        { backend },
      ),
    };
    close((await scoreOf(neuronNormL2, params, { neurons: rowsGroup(2) }))['g']!, [25, 2]);
  });

  test('activation sensitivity is the largest share over the rows', async () => {
    const params = {
      w: tensor(
        [
          [1, -2],
          [0, 0],
        ],
        { backend },
      ),
    };
    const rows = [[[1, 1]], [[4, 0]]];
    const objective = { ...linear, inputs: (_: Params, batch: number) => ({ w: tensor(rows[batch]!, { backend }) }) };
    close((await scoreOf(activationSensitivity, params, { objective }))['w']!, [1, 2 / 3, 0, 0]);
  });
});

describe('movement', () => {
  test('is the accumulated -w · ∂L/∂w of gradient descent, but for squares of its steps', async () => {
    const target = tensor([[1, -2, 3]], { backend });
    const loss = ({ w }: Params) => sum(square(sub(w!, target)));
    const before = { w: tensor([[2, 0.1, -1]], { backend }) };
    const learningRate = 0.01;
    let w = before.w;
    const accumulated = [0, 0, 0];
    const squares = [0, 0, 0];
    for (let step = 0; step < 50; step++) {
      const { grad } = valueAndGrad(loss)({ w });
      const [g, now] = [await grad['w']!.data(), await w.data()];
      accumulated.forEach((_, i) => {
        accumulated[i]! += -learningRate * g[i]! * now[i]!;
        squares[i]! += (learningRate * g[i]!) ** 2 / 2;
      });
      w = sub(w, affine(grad['w']!, learningRate, 0));
    }
    const scores = (await scoreOf(movement, { w }, { before }))['w']!;
    // w dw = d(w²)/2 - dw²/2, exactly.
    close(
      scores,
      accumulated.map((x, i) => x + squares[i]!),
      1e-12,
    );
    expect(scores[0]).toBeLessThan(0);
  });

  test('sees in sparseFlow what the last training started from, and leaves nothing behind', async () => {
    const own = createReferenceBackend();
    const params = { w: tensor([[3, 2, 1, 4]], { backend: own }) };
    const moves = tensor([[-2, 2, 1, -3]], { backend: own });
    const before = own.liveBuffers();
    const train = ({ w }: Params) => ({ params: { w: add(w!, moves) } });
    const { rounds } = await sparseFlow({
      params,
      pruner: movement,
      keepRatios: [0.5],
      key: key(0),
      train: trainMasked,
    });
    function trainMasked(given: Params, masks: Params) {
      return { params: scope(() => mapMasked(train(given).params, masks)) };
    }
    // 1, 4, 2, 1 after the dense round: the two that grew stay.
    expect(Array.from(await rounds[1]!.masks['w']!.data())).toEqual([0, 1, 1, 0]);
    for (const round of rounds) disposeTree([round.params, round.masks]);
    expect(own.liveBuffers()).toBe(before);
  });
});

function mapMasked(params: Params, masks: Params): Params {
  return { w: masks['w'] ? mul(params['w']!, masks['w']) : affine(params['w']!, 1, 0) };
}

describe('optimal brain damage', () => {
  const curvature = tensor(
    [
      [2, 4],
      [4, 7],
    ],
    { backend },
  );
  /** ½ wᵀ H w */
  const quadratic = objectiveOf(({ w }) => affine(sum(mul(w!, matMul(w!, curvature))), 0.5, 0), 1);
  const params = { w: tensor([[3, -1]], { backend }) };

  test('a diagonal Hessian is found exactly, with one probe', async () => {
    const objective = objectiveOf(({ w }) => sum(mul(tensor([[1, 5]], { backend }), square(w!))), 1);
    close((await scoreOf(optimalBrainDamage({ probes: 1 }), params, { objective, key: key(0) }))['w']!, [9, 5]);
  });

  test('of any Hessian, the estimate is within its standard error', async () => {
    const probes = 4000;
    const scores = (await scoreOf(optimalBrainDamage({ probes }), params, { objective: quadratic, key: key(1) }))['w']!;
    // One probe's variance is the square beside the diagonal, 16; four standard errors of the mean.
    const error = 4 * Math.sqrt(16 / probes);
    expect(Math.abs(scores[0]! - 9)).toBeLessThan(4.5 * error);
    expect(Math.abs(scores[1]! - 3.5)).toBeLessThan(0.5 * error);
    expect(scores[0]).not.toBe(9);
  });

  test('differences of gradients give the same where Hessian-vector products are not known', async () => {
    const net = chain(createReferenceBackend(), [2, 5, 2]);
    const objective = chainObjective();
    const { hessianVector, ...withoutHvp } = objective;
    expect(hessianVector).toBeDefined();
    const candidates = ['layers.0.weight', 'layers.1.weight'];
    const exact = await scoreOf(obd, net.params, { objective, key: key(2), candidates });
    const differences = await scoreOf(obd, net.params, { objective: withoutHvp, key: key(2), candidates });
    // Central differences at 6e-6: 4e-11 of third derivatives of order 1 to 10, and 1e-16 / 6e-6 of rounding.
    for (const name of candidates) close(differences[name]!, Array.from(exact[name]!), 1e-8);
  });

  test('pruned entries take no part', async () => {
    const masks = { w: tensor([[1, 0]], { backend }) };
    const options = { objective: quadratic, key: key(0), masks };
    close((await scoreOf(optimalBrainDamage({ probes: 1 }), params, options))['w']!, [9, 0]);
  });
});

describe('what is missing is said', () => {
  const net = chain(backend, [2, 4, 2]);
  const { neurons, params } = net;

  test.each(pruners.filter(({ needs = [] }) => needs.length > 0).map((pruner) => [pruner.name, pruner] as const))(
    '%s without what it needs',
    async (_, pruner) => {
      const live = backend.liveBuffers();
      await expect(prune(params, undefined, pruner, { keep: 0.7, neurons })).rejects.toThrow(/got no(ne| key)/);
      if (pruner.needs!.includes('objective')) {
        const none = { ...chainObjective(), batches: 0 };
        const pruning = prune(params, undefined, pruner, { keep: 0.7, neurons, objective: none });
        await expect(pruning).rejects.toThrow('the objective has 0 batches');
        const odd = { ...chainObjective(), rows: 0.5 };
        await expect(prune(params, undefined, pruner, { keep: 0.7, neurons, objective: odd })).rejects.toThrow(
          'have 0.5 rows',
        );
      }
      expect(backend.liveBuffers()).toBe(live);
    },
  );

  test('gradients that are missing or of another size, inputs that are none, probes that are no count', async () => {
    const live = backend.liveBuffers();
    const missing = { batches: 1, gradient: () => ({}) };
    await expect(
      prune(params, undefined, snip, { keep: 0.7, objective: missing }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PruningError: snip: the gradient of 'layers.0.weight' is missing. To fix: return one entry per entry of the parameter.]`,
    );
    const short = { batches: 1, gradient: () => ({ 'layers.0.weight': tensor([1], { backend }) }) };
    await expect(prune(params, undefined, taylor, { keep: 0.7, objective: short })).rejects.toThrow('has 1 entries');
    const none = { ...chainObjective(), inputs: () => ({}) };
    await expect(prune(params, undefined, activationSensitivity, { keep: 0.7, objective: none })).rejects.toThrow(
      "'layers.0.weight' with shape [4,2] has inputs of no shape",
    );
    expect(() => optimalBrainDamage({ probes: 0 })).toThrow('probes is 0');
    expect(backend.liveBuffers()).toBe(live);
  });

  test('parameters before training that are others', async () => {
    const before = { nope: params['layers.0.weight']! };
    await expect(prune(params, undefined, movement, { keep: 0.7, before })).rejects.toThrow("has 'nope'");
  });
});
