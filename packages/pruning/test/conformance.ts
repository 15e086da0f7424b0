import { disposeTree, key, mapTree, tensor } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPruner, countNonZero, prune as pruneOnce, PruningError, sparsityReport } from '../src/index.ts';
import type { Pruner, PruneOptions } from '../src/index.ts';
import { chain, chainObjective, flatMask, flatValues, halved, maskOf, sizeOf } from './models.ts';
import { describeTraining } from './training.ts';

/** Mask of a parameter, entry by entry. */
type Live = Record<string, number[]>;

const widths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
/** Keep ratios in thousandths, so that the exact count follows in integers. */
const thousandths = fc.integer({ min: 1, max: 1000 });

/** Prunes, and lets pruners that ask for it see the parameters before a training. */
const prune: typeof pruneOnce = async (params, masks, pruner, options) => {
  const before = halved(params);
  try {
    return await pruneOnce(params, masks, pruner, { ...options, before });
  } finally {
    disposeTree(before);
  }
};

/** What every pruner must do, whatever it scores. */
export function describePruner(pruner: Pruner): void {
  const options = (keep: number, more: Partial<PruneOptions> = {}): PruneOptions => ({
    keep,
    key: key(7),
    unreachable: 'nearest',
    objective: chainObjective(),
    ...more,
  });
  const fresh = (sizes: readonly number[]) => {
    const backend = createReferenceBackend();
    return { backend, ...chain(backend, [2, ...sizes, 2]) };
  };
  const allLive = async (params: Params, masks: Params): Promise<Live> => {
    const live: Live = {};
    for (const name of Object.keys(params)) live[name] = await maskOf(params, masks, name);
    return live;
  };

  describe(pruner.name, () => {
    if (pruner.target === 'weights') {
      test('keeps exactly ⌊keep · n⌋ entries, every bias, and something of every layer', async () => {
        await fc.assert(
          fc.asyncProperty(widths, thousandths, async (sizes, mille) => {
            const { params, neurons } = fresh(sizes);
            const biases = Object.entries(params).reduce((n, [name, x]) => (name.endsWith('bias') ? n + x.size : n), 0);
            const result = await prune(params, undefined, pruner, options(mille / 1000, { neurons }));
            // Biases are no candidates, and one weight of each layer stays.
            const expected = Math.max(biases + sizes.length + 1, Math.floor((mille * sizeOf(params)) / 1000));
            expect((await flatMask(params, result.masks)).filter((m) => m === 1)).toHaveLength(expected);
            expect(await countNonZero(result.params)).toBe(expected);
            expect(result.report.size).toBe(expected);
            expect(Object.values(result.report.parameters).every(({ kept }) => kept > 0)).toBe(true);
            expect(Object.keys(result.masks).every((name) => name.endsWith('weight'))).toBe(true);
          }),
          { numRuns: 60 },
        );
      });

      test('removing dead neurons comes out at the reachable size that is nearest', async () => {
        const { params, neurons } = fresh([6, 5, 4]);
        const total = sizeOf(params);
        // Every reachable size: keep k weights of 64, k = 0 … 64, then remove what nothing reads.
        const sizes = new Set<number>();
        for (let k = 0; k <= 66; k++) {
          const biases = 17;
          const { masks } = await prune(params, undefined, pruner, options((k + biases) / total, { neurons }));
          const live = await allLive(params, masks);
          const size = removeUnread(live);
          // Choices that would empty a layer are none.
          if (Object.entries(live).every(([name, mask]) => name.endsWith('bias') || mask.includes(1))) sizes.add(size);
        }
        for (const keep of [0.9, 0.7, 0.5, 0.3, 0.15, 0.05]) {
          const { report } = await prune(params, undefined, pruner, options(keep, { neurons, deadNeurons: 'remove' }));
          const distance = (size: number) => Math.abs(size - keep * total);
          expect(sizes).toContain(report.size);
          expect(distance(report.size)).toBe(Math.min(...[...sizes].map(distance)));
        }
      });
    } else {
      test('keeps whole neurons, at the reachable size that is nearest, and empties no layer', async () => {
        await fc.assert(
          fc.asyncProperty(widths, thousandths, fc.boolean(), async (sizes, mille, original) => {
            const keep = mille / 1000;
            const { params, neurons } = fresh(sizes);
            const counting = original ? 'original' : 'complete';
            const result = await prune(params, undefined, pruner, options(keep, { neurons, counting }));
            const live = await allLive(params, result.masks);
            const kept = neurons.map(({ name }) => result.report.neurons[name]!.kept);
            expect(Math.min(...kept)).toBeGreaterThanOrEqual(1);
            // The size of a chain follows from the numbers of units.
            const sizeWith = (units: readonly number[]): number => {
              const all = [2, ...units, 2];
              const biases = original ? sizes : units;
              return all.slice(1).reduce((n, out, i) => n + out * all[i]!, 2) + biases.reduce((n, b) => n + b, 0);
            };
            expect(result.report.size).toBe(sizeWith(kept));
            expect(
              Object.values(live)
                .flat()
                .filter((m) => m === 1),
            ).toHaveLength(sizeWith(kept));
            if (pruner.scope === 'local') {
              // Every share in steps fine enough for widths up to 9: no two different shares (r + ½)/n are nearer than 1/360.
              const shares = Array.from({ length: 3601 }, (_, i) => i / 3600 + 1e-6);
              const reachable = shares.map((share) =>
                sizes.map((n) => Math.min(n, Math.max(1, Math.round(share * n)))),
              );
              expect(reachable).toContainEqual(kept);
              const distance = (size: number) => Math.abs(size - keep * sizeOf(params));
              const best = Math.min(...reachable.map((units) => distance(sizeWith(units))));
              expect(distance(result.report.size)).toBe(best);
            }
            neurons.forEach(({ axes, size }) => {
              for (let unit = 0; unit < size; unit++) {
                const [row, bias, column] = axes.map(({ param, role }) => {
                  const width = params[param]!.shape[1] ?? 1;
                  return live[param]!.filter((_, i) => (role === 'in' ? i % width : Math.floor(i / width)) === unit);
                });
                const there = Math.max(...row!);
                expect(Math.max(...column!)).toBe(there);
                expect(bias).toEqual([original ? 1 : there]);
              }
            });
          }),
          { numRuns: 60 },
        );
      });
    }

    test('is deterministic', async () => {
      const run = async () => {
        const { params, neurons } = fresh([6, 7]);
        return flatMask(params, (await prune(params, undefined, pruner, options(0.4, { neurons }))).masks);
      };
      expect(await run()).toEqual(await run());
    });

    test('of equal scores the lower index is kept', async () => {
      const { backend, params, neurons } = fresh([4]);
      const constant = (x: Tensor): Tensor => tensor(new Float64Array(x.size).fill(1), { backend, shape: x.shape });
      const equal: Pruner = {
        ...pruner,
        score: () =>
          pruner.target === 'weights'
            ? mapTree(params, constant)
            : Object.fromEntries(neurons.map(({ name, size }) => [name, new Array<number>(size).fill(1)])),
      };
      // Of 8 + 4 + 8 + 2. Weights: 6 biases and 10 weights, so all of layer 0 and two of layer 1. Neurons: 2 of 4 units of 5 entries, and 2 biases.
      const keep = (pruner.target === 'weights' ? 16 : 12) / sizeOf(params);
      const { masks } = await prune(params, undefined, equal, options(keep, { neurons }));
      const first = (await maskOf(params, masks, 'layers.0.weight')).join('');
      const second = (await maskOf(params, masks, 'layers.1.weight')).join('');
      if (pruner.target === 'neurons') expect([first, second]).toEqual(['11110000', '11001100']);
      else if (pruner.scope === 'global') expect([first, second]).toEqual(['11111111', '11000000']);
      else expect([first, second]).toEqual(['11111000', '11111000']);
    });

    test('prunes only more over a cascade, and nothing at an unchanged ratio', async () => {
      const { params, neurons } = fresh([8, 8, 8]);
      for (const deadNeurons of ['keep', 'remove'] as const) {
        let state = await prune(params, undefined, pruner, options(0.9, { neurons, deadNeurons }));
        for (const [i, keep] of [0.7, 0.45, 0.3, 0.2].entries()) {
          const before = await flatMask(params, state.masks);
          const { size, originalSize } = state.report;
          const settings = options(Math.min(keep, size / originalSize), { neurons, deadNeurons, key: key(i) });
          const again = await prune(state.params, state.masks, pruner, { ...settings, keep: size / originalSize });
          expect(await flatMask(params, again.masks)).toEqual(before);
          state = await prune(state.params, state.masks, pruner, settings);
          const after = await flatMask(params, state.masks);
          expect(after.filter((m) => m === 1).length).toBeLessThan(before.filter((m) => m === 1).length);
          expect(after.every((m, j) => m <= before[j]!)).toBe(true);
        }
      }
    });

    test('gives masks of exactly 0 and 1 in the dtype of their parameters, which are exactly zero there', async () => {
      const backend = createReferenceBackend({ dtype: 'float32' });
      const { params, neurons } = chain(backend, [2, 6, 6, 2]);
      const result = await prune(params, undefined, pruner, options(0.4, { neurons }));
      for (const [name, mask] of Object.entries(result.masks)) {
        expect(mask.dtype).toBe('float32');
        expect(mask.shape).toEqual(params[name]!.shape);
      }
      const masks = await flatMask(params, result.masks);
      expect(new Set(masks)).toEqual(new Set([0, 1]));
      const before = await flatValues(params);
      // Object.is: a masked entry is +0, whatever the sign that it had.
      (await flatValues(result.params)).forEach((x, i) =>
        expect(Object.is(x, masks[i] === 1 ? before[i] : 0)).toBe(true),
      );
    });

    test('refuses scores that are NaN, names the first, and leaves the model untouched', async () => {
      const { backend, params, neurons } = fresh([4, 4]);
      const [held, values] = [backend.liveBuffers(), await flatValues(params)];
      const broken: Pruner = {
        ...pruner,
        async score(...args) {
          const scores = Object.entries(await pruner.score(...args));
          const second = Float64Array.from(scores[1]![1] as ArrayLike<number>);
          second[2] = NaN;
          return Object.fromEntries([scores[0]!, [scores[1]![0], second], ...scores.slice(2)]);
        },
      };
      const name = pruner.target === 'weights' ? 'layers.1.weight' : 'layers.1';
      const pruning = prune(params, undefined, broken, options(0.5, { neurons }));
      await expect(pruning).rejects.toThrow(PruningError);
      await expect(pruning).rejects.toThrow(`the score of '${name}' at index 2 is NaN`);
      expect(await flatValues(params)).toEqual(values);
      expect(backend.liveBuffers()).toBe(held);
    });

    test('leaves no buffer behind but its result, also when it throws', async () => {
      const { backend, params, neurons } = fresh([5, 5]);
      const count = () => backend.liveBuffers();
      const before = count();
      const first = await prune(params, undefined, pruner, options(0.6, { neurons }));
      const second = await prune(first.params, first.masks, pruner, options(0.4, { neurons }));
      const results = [first, second].map(
        ({ params, masks }) => Object.keys({ ...params }).length + Object.keys(masks).length,
      );
      expect(count()).toBe(before + results[0]! + results[1]!);
      disposeTree([first.params, first.masks, second.params, second.masks]);
      expect(count()).toBe(before);
      const throwing: Pruner = {
        ...pruner,
        async score(...args) {
          const [, ...rest] = Object.entries(await pruner.score(...args));
          const upload = (values: unknown) => tensor(Float64Array.from(values as ArrayLike<number>), { backend });
          return Object.fromEntries(rest.map(([name, values]) => [name, upload(values)] as const));
        },
      };
      await expect(prune(params, undefined, throwing, options(0.5, { neurons }))).rejects.toThrow('no scores');
      expect(count()).toBe(before);
    });

    test('changes neither the parameters nor the masks that it is given', async () => {
      const { params, neurons } = fresh([5, 5]);
      const first = await prune(params, undefined, pruner, options(0.7, { neurons }));
      const inputs = await flatValues({ ...prefixed('p', first.params), ...prefixed('m', first.masks) });
      const second = await prune(first.params, first.masks, pruner, options(0.4, { neurons }));
      disposeTree([second.params, second.masks]);
      expect(await flatValues({ ...prefixed('p', first.params), ...prefixed('m', first.masks) })).toEqual(inputs);
    });

    describeTraining(pruner);

    test('passes the check that is offered to users', async () => {
      await checkPruner(pruner);
    });

    test('reports what it did', async () => {
      const { params, neurons } = fresh([5, 5]);
      const { masks, report } = await prune(params, undefined, pruner, options(0.5, { neurons }));
      expect(report).toEqual(await sparsityReport(params, masks, neurons));
      expect(report.originalSize).toBe(sizeOf(params));
      expect(report.keepRatio).toBe(report.size / report.originalSize);
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    });
  });
}

/** The size of a chain once units that nothing reads are gone: an independent, literal computation. */
function removeUnread(live: Live): number {
  const layers = Object.keys(live).length / 2;
  for (let l = layers - 2; l >= 0; l--) {
    const bias = live[`layers.${l}.bias`]!;
    const own = live[`layers.${l}.weight`]!;
    const next = live[`layers.${l + 1}.weight`]!;
    for (let unit = 0; unit < bias.length; unit++) {
      if (next.some((m, i) => i % bias.length === unit && m === 1)) continue;
      bias[unit] = 0;
      own.fill(0, (unit * own.length) / bias.length, ((unit + 1) * own.length) / bias.length);
    }
  }
  return Object.values(live)
    .flat()
    .filter((m) => m === 1).length;
}

function prefixed(prefix: string, record: Params): Params {
  return Object.fromEntries(Object.entries(record).map(([name, x]) => [`${prefix}.${name}`, x]));
}
