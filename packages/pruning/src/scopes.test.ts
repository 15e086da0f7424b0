import { ones, tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chain, maskOf } from '../test/models.ts';
import { magnitude, neuronNorm, prune, pruneNM, PruningError } from './index.ts';
import type { PruneOptions } from './index.ts';
import { matchesName } from './patterns.ts';

const backend = createReferenceBackend();

describe('names', () => {
  test.each([
    ['layers.0.weight', 'layers.0.weight', true],
    ['layers.*.weight', 'layers.10.weight', true],
    ['layers.*', 'xlayers.0', false],
    ['layers.0*', 'layersx0.weight', false],
    ['*', '', true],
    [/\.0\./, 'layers.0.weight', true],
    [/^0/g, 'layers.0.weight', false],
  ] as const)('%s and %s: %s', (pattern, name, expected) => {
    expect(matchesName(pattern, name)).toBe(expected);
    expect(matchesName(pattern, name)).toBe(expected);
  });
});

describe('scopes of weights', () => {
  const params = {
    'a.weight': tensor([[1, 2, 3, 4]], { backend }),
    'b.weight': tensor([[10, 20, 30, 40]], { backend }),
    'c.weight': tensor([[100, 200, 300, 400]], { backend }),
  };
  const masksOf = async (options: PruneOptions) => {
    const { masks } = await prune(params, undefined, magnitude, options);
    return Promise.all(Object.keys(params).map(async (name) => (await maskOf(params, masks, name)).join('')));
  };

  test('global leaves one of every layer, unless that is not wanted', async () => {
    expect(await masksOf({ keep: 0.5 })).toEqual(['0001', '0001', '1111']);
    expect(await masksOf({ keep: 0.5, minKept: 2 })).toEqual(['0011', '0011', '0011']);
    expect(await masksOf({ keep: 0.5, minKept: 0 })).toEqual(['0000', '0011', '1111']);
  });

  test('local, by the pruner or by the option', async () => {
    expect(await masksOf({ keep: 0.5, scope: 'local' })).toEqual(['0011', '0011', '0011']);
    const local = await prune(params, undefined, { ...magnitude, scope: 'local' }, { keep: 0.5, scope: 'global' });
    expect(local.report.parameters['c.weight']!.kept).toBe(4);
  });

  test('by pattern: the classes keep the same share, and within them the largest stay', async () => {
    expect(await masksOf({ keep: 0.5, scope: ['a.*'], minKept: 0 })).toEqual(['0011', '0000', '1111']);
    expect(await masksOf({ keep: 0.5, scope: [/[ab]/, 'b.*'], minKept: 0 })).toEqual(['0000', '1111', '0011']);
  });

  test('exclusions stay whole and count', async () => {
    expect(await masksOf({ keep: 8 / 12, exclude: ['b.*'] })).toEqual(['0001', '1111', '0111']);
  });

  test('what is excluded and the least that stays bound what is reachable', async () => {
    await expect(masksOf({ keep: 0.25, exclude: ['b.*'], minKept: 2 })).rejects.toThrow('8 of 12 cannot be removed');
  });

  test.each([
    [{ minKept: -1 }, 'minKept is -1'],
    [{ minKept: 0.5 }, 'minKept is 0.5'],
    [{ block: [0, 1] as const }, 'a block of 0 × 1'],
  ])('%o is refused', async (options, message) => {
    await expect(masksOf({ keep: 0.5, ...options })).rejects.toThrow(message);
  });
});

describe('scopes of neurons', () => {
  const { params, neurons } = chain(backend, [2, 8, 8, 8, 2]);
  const kept = async (options: Partial<PruneOptions>) => {
    const { report } = await prune(params, undefined, neuronNorm, {
      keep: 0.3,
      neurons,
      unreachable: 'nearest',
      ...options,
    });
    return neurons.map(({ name }) => report.neurons[name]!.kept);
  };

  test('exclusions keep all their units', async () => {
    const [first, second, third] = await kept({ exclude: ['layers.1'] });
    expect(second).toBe(8);
    expect(first).toBeLessThan(8);
    expect(third).toBe(first);
  });

  test('a least number of units stays in every group', async () => {
    expect(Math.min(...(await kept({ keep: 0.01, minKept: 3 })))).toBe(3);
    expect(await kept({ keep: 0.01, minKept: 0 })).toEqual([1, 1, 1]);
  });

  test('by pattern: classes keep the same share of their units', async () => {
    const [first, second, third] = await kept({ scope: ['layers.0'], keep: 0.5 });
    expect(Math.abs(second! + third! - 2 * first!)).toBeLessThanOrEqual(1);
  });

  test('blocks are refused', async () => {
    await expect(kept({ block: [2, 2] })).rejects.toThrow('not blocks');
  });
});

describe('blocks', () => {
  test('whole blocks go, at the nearest size, also at the ends', async () => {
    const params = {
      w: tensor(
        [
          [1, 1, 5],
          [1, 1, 1],
          [9, 0, 2],
        ],
        { backend },
      ),
    };
    // Blocks of 2 × 2: sums 4, 6, 9, 2 with 4, 2, 2, 1 entries.
    const at = async (size: number) =>
      (
        await maskOf(params, (await prune(params, undefined, magnitude, { keep: size / 9, block: [2, 2] })).masks, 'w')
      ).join('');
    expect(await at(9)).toBe('111111111');
    expect(await at(8)).toBe('111111110');
    expect(await at(4)).toBe('001001110');
    expect(await at(2)).toBe('000000110');
  });

  test('every block of a pruned matrix is whole or gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), async (rows, columns) => {
        const { params } = chain(backend, [7, 9, 3]);
        const options = { keep: 0.5, block: [rows, columns], unreachable: 'nearest' } as const;
        const { masks } = await prune(params, undefined, magnitude, options);
        const mask = await maskOf(params, masks, 'layers.0.weight');
        const seen = new Map<string, number>();
        mask.forEach((m, i) => {
          const block = `${Math.floor(Math.floor(i / 7) / rows)},${Math.floor((i % 7) / columns)}`;
          expect(seen.get(block) ?? m).toBe(m);
          seen.set(block, m);
        });
      }),
      { numRuns: 16 },
    );
  });
});

describe('N:M', () => {
  test('every set of m keeps its n best, and the last one of a row too', async () => {
    const params = {
      w: tensor(
        [
          [1, 4, 3, 2, 9],
          [5, 5, 5, 5, 0],
        ],
        { backend },
      ),
      b: ones([3], { backend }),
    };
    const { masks, report } = await pruneNM(params, undefined, magnitude, { n: 2, m: 4 });
    expect((await maskOf(params, masks, 'w')).join('')).toBe('0110111001');
    expect(report.size).toBe(9);
    const again = await pruneNM(params, masks, magnitude, { n: 1, m: 4 });
    expect((await maskOf(params, again.masks, 'w')).join('')).toBe('0100110001');
  });

  test('what is excluded stays', async () => {
    const { params } = chain(backend, [4, 4, 4]);
    const { masks } = await pruneNM(params, undefined, magnitude, { n: 1, m: 2, exclude: ['layers.1.*'] });
    expect(Object.keys(masks)).toEqual(['layers.0.weight']);
  });

  test('a pattern that is none and a pruner of neurons are refused', async () => {
    const { params, neurons } = chain(backend, [4, 4, 4]);
    for (const [n, m] of [
      [0, 4],
      [3, 2],
      [1.5, 2],
    ] as const) {
      await expect(pruneNM(params, undefined, magnitude, { n, m })).rejects.toThrow(PruningError);
    }
    await expect(pruneNM(params, undefined, neuronNorm, { n: 1, m: 2, neurons })).rejects.toThrow('prunes neurons');
  });
});
