import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@sparseflow/optim';
import { key, tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrExplain } from '../../../test-support/environment.ts';
import { chain, flatMask } from '../test/models.ts';
import {
  neuronNorm,
  packMasks,
  prune,
  PruningError,
  randomWeights,
  recordPruning,
  replayPruning,
  unpackMasks,
} from './index.ts';
import type { Masks, PruningHistory } from './index.ts';

const backend = createReferenceBackend();
const { params, neurons } = chain(backend, [3, 7, 5, 2]);
const random = async (keep: number, masks?: Masks) =>
  (await prune(params, masks, randomWeights, { keep, key: key(1), unreachable: 'nearest' })).masks;

describe('masks in a file', () => {
  test('come back as they were, whatever their sizes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (bits) => {
        const values = bits.map(Number);
        const own = { 'a/b': tensor([values], { backend }) };
        const file = readSafetensors(writeSafetensors(await packMasks(own)));
        expect(file.tensors['masks/a/b']!.bytes).toHaveLength(Math.ceil(bits.length / 8));
        expect(await flatMask(own, unpackMasks(file, own))).toEqual(values);
      }),
    );
  });

  test('may lie beside other tensors', async () => {
    const masks = await random(0.5);
    const packed = await packMasks(masks);
    const bytes = new Uint8Array(8);
    const file = {
      tensors: { ...packed.tensors, x: { dtype: 'F64', shape: [1], bytes } },
      metadata: { ...packed.metadata, note: 'hi' },
    } as const;
    const again = unpackMasks(readSafetensors(writeSafetensors(file)), params);
    expect(await flatMask(params, again)).toEqual(await flatMask(params, masks));
  });

  test('of another model or not whole, they are refused', async () => {
    const packed = await packMasks(await random(0.5));
    const other = chain(backend, [3, 8, 5, 2]).params;
    expect(() => unpackMasks(packed, other)).toThrowErrorMatchingInlineSnapshot(
      `[PruningError: unpackMasks: the mask of 'layers.0.weight' has shape [7,3], the parameter [8,3]. To fix: load the masks of this model.]`,
    );
    expect(() => unpackMasks(packed, {})).toThrow('does not exist');
    expect(() => unpackMasks({ ...packed, tensors: {} }, params)).toThrow('are missing or too few');
    await expect(packMasks({ w: tensor([0.5], { backend }) })).rejects.toThrow(PruningError);
  });
});

const python = process.env['PYTHON'] ?? 'python3';
const hasSafetensors = spawnSync(python, ['-c', 'import numpy, safetensors']).status === 0;
describe.runIf(requireOrExplain('safetensors for Python', hasSafetensors, 'pip install safetensors numpy'))(
  'in Python',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'masks-'));
    afterAll(() => rmSync(folder, { recursive: true }));

    test('the snippet of the README reads them', async () => {
      const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
      const snippet = /```py\n([\s\S]*?)```/.exec(readme)![1]!;
      const masks = await random(0.4);
      const path = join(folder, 'masks.safetensors');
      writeFileSync(path, writeSafetensors(await packMasks(masks)));
      const script = `${snippet}\nimport sys\nprint(json.dumps({k: m.tolist() for k, m in load_masks(sys.argv[1]).items()}))`;
      const { status, stdout, stderr } = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const read = JSON.parse(stdout) as Record<string, number[][]>;
      expect(Object.keys(read).sort()).toEqual(Object.keys(masks).sort());
      for (const [name, mask] of Object.entries(masks))
        expect(read[name]!.flat()).toEqual(Array.from(await mask.data()));
    });
  },
);

describe('history', () => {
  async function cascade(): Promise<{ history: PruningHistory; states: Masks[] }> {
    let history: PruningHistory | undefined;
    const states: Masks[] = [];
    for (const [i, keep] of [0.8, 0.6, 0.4].entries()) {
      const settings = { keep, neurons, key: key(i), unreachable: 'nearest' } as const;
      const pruner = i === 1 ? neuronNorm : randomWeights;
      const { masks } = await prune(params, states.at(-1), pruner, settings);
      states.push(masks);
      history = await recordPruning(history, params, masks, { pruner: pruner.name, keep });
    }
    return { history: history!, states };
  }

  test('replays to identical masks on a fresh model, after every step and through JSON', async () => {
    const { history, states } = await cascade();
    const fresh = chain(backend, [3, 7, 5, 2], 99).params;
    const stored = JSON.parse(JSON.stringify(history)) as PruningHistory;
    expect(stored.steps.map(({ note }) => note['pruner'])).toEqual(['random-weights', 'neuron-norm', 'random-weights']);
    for (const [i, masks] of states.entries()) {
      const replayed = replayPruning(stored, fresh, i + 1);
      expect(Object.keys(replayed)).toEqual(Object.keys(masks));
      for (const [name, mask] of Object.entries(masks)) {
        expect(replayed[name]!.dtype).toBe(mask.dtype);
        expect(await replayed[name]!.data()).toEqual(await mask.data());
      }
    }
    expect(replayPruning(stored, fresh, 0)).toEqual({});
    expect(await flatMask(params, replayPruning(stored, fresh))).toEqual(await flatMask(params, states[2]!));
  });

  test('of another model, damaged, or with entries that come back: refused', async () => {
    const { history, states } = await cascade();
    const live = backend.liveBuffers();
    const other = chain(backend, [3, 8, 5, 2]).params;
    const buffers = backend.liveBuffers();
    expect(() => replayPruning(history, other)).toThrowErrorMatchingInlineSnapshot(
      `[PruningError: replayPruning: the history is of another model: 'layers.0.weight' is [7,3] there and [8,3] here. To fix: replay it on a model of the same shapes.]`,
    );
    expect(() => replayPruning(history, { ...params, more: params['layers.0.bias']! })).toThrow(
      "'more' is missing there",
    );
    expect(() => replayPruning({ ...history, version: 2 as 1 }, params)).toThrow('no pruning history of version 1');
    const { parameters } = history;
    for (const file of [
      {},
      null,
      'x',
      { version: 1, steps: [] },
      { version: 1, parameters, steps: [{}] },
      { version: 1, parameters, steps: [{ removed: { 'layers.0.bias': 3 } }] },
    ]) {
      expect(() => replayPruning(file as unknown as PruningHistory, params)).toThrow('no pruning history of version 1');
      await expect(recordPruning(file as unknown as PruningHistory | undefined, params, {})).rejects.toThrow(
        PruningError,
      );
    }
    expect(() => replayPruning(history, params, 4)).toThrow('4 of 3 steps');
    const [first, ...rest] = history.steps;
    const with0 = (step: object) => ({ ...history, steps: [{ ...first!, ...step }, ...rest] });
    expect(() => replayPruning(with0({ size: 1 }), params)).toThrow('step 0 leaves');
    expect(() => replayPruning(with0({ removed: { 'layers.0.bias': [5, 9] } }), params)).toThrow('entries 5 to 14');
    await expect(recordPruning(history, params, states[0]!)).rejects.toThrow('which an earlier step removed');
    expect(backend.liveBuffers()).toBe(buffers);
    expect(live).toBeLessThan(buffers);
  });
});
