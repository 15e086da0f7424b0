import { readFileSync } from 'node:fs';
import { disposeTree, key, square, mapTree, tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { describe, expect, test } from 'vitest';
import { describePruner } from '../../test/conformance.ts';
import { chain, flatMask, maskOf } from '../../test/models.ts';
import * as api from '../index.ts';
import { magnitude, neuronNorm, prune, pruners, randomNeurons, randomWeights } from '../index.ts';
import type { Pruner } from '../index.ts';

/** The other scopes, which the built-in list does not use yet, are held to the same rules. */
const others: readonly Pruner[] = [
  { ...magnitude, name: 'magnitude, local', scope: 'local' },
  { ...neuronNorm, name: 'neuron-norm, global', scope: 'global' },
  { ...magnitude, name: 'squares on the device', score: (params) => mapTree(params, square) },
];

describe('built-in', () => {
  for (const pruner of pruners) describePruner(pruner);
});

for (const pruner of others.slice(0, 2)) describePruner(pruner);

test('the table of the README is that of the list', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([\w ]+?) +\| .* \| ([\w, ]*?) *\|$/gm)];
  const listed = rows.map(([, name, target, compares, needs]) => {
    const pruner = Object.entries(api).find(([exported]) => exported === name)![1] as Pruner;
    expect([pruner.target, pruner.scope]).toEqual([target, compares === 'in each layer' ? 'local' : 'global']);
    const words = {
      key: 'a key',
      objective: /gradients|curvature|activations/,
      inputs: 'activations',
      before: 'before',
    };
    for (const [need, word] of Object.entries(words)) {
      expect(needs!.search(word) >= 0, `${name} needs ${need}`).toBe(pruner.needs?.some((n) => n === need) ?? false);
    }
    return pruner;
  });
  expect(listed).toEqual(pruners);
});

test('names are unique', () => {
  expect(new Set(pruners.map(({ name }) => name)).size).toBe(pruners.length);
});

test('magnitude keeps the largest |w| over all layers together', async () => {
  const backend = createReferenceBackend();
  const params = { a: tensor([[1, -5, 3]], { backend }), b: tensor([[-2], [4], [0]], { backend }) };
  const { masks } = await prune(params, undefined, magnitude, { keep: 0.5 });
  expect(await maskOf(params, masks, 'a')).toEqual([0, 1, 1]);
  expect(await maskOf(params, masks, 'b')).toEqual([0, 1, 0]);
});

test('scores may be tensors, which are disposed, or the parameters themselves, which are not', async () => {
  const backend = createReferenceBackend();
  const { params, neurons } = chain(backend, [2, 4, 2]);
  const before = backend.liveBuffers();
  const expected = await prune(params, undefined, magnitude, { keep: 0.6, neurons });
  const squares = await prune(params, undefined, others[2]!, { keep: 0.6, neurons });
  expect(await flatMask(params, squares.masks)).toEqual(await flatMask(params, expected.masks));
  const itself = await prune(params, undefined, { ...magnitude, score: (given) => given }, { keep: 0.6 });
  for (const { params, masks } of [expected, squares, itself]) disposeTree([params, masks]);
  expect(backend.liveBuffers()).toBe(before);
  expect(params['layers.0.weight']!.isDisposed).toBe(false);
});

test('local scope keeps the same share of weights in every parameter', async () => {
  const backend = createReferenceBackend();
  const params = { a: tensor([[1, 2, 3, 4, 5, 6, 7, 8]], { backend }), b: tensor([[10, 20, 30, 40]], { backend }) };
  const { masks } = await prune(params, undefined, others[0]!, { keep: 0.5 });
  expect(await maskOf(params, masks, 'a')).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  expect(await maskOf(params, masks, 'b')).toEqual([0, 0, 1, 1]);
});

test('neuron-norm adds up |w| of the row of a matrix and of the filter of a convolution', async () => {
  const backend = createReferenceBackend();
  const params = {
    dense: tensor(
      [
        [1, -2],
        [-4, 0],
      ],
      { backend },
    ),
    // HWIO: the filters lie along the last axis.
    conv: tensor([1, 10, 100, -2, 20, 200], { backend, shape: [1, 2, 1, 3] }),
  };
  const context = {
    masks: {},
    candidates: [],
    key: undefined,
    neurons: [
      { name: 'd', size: 2, axes: [{ param: 'dense', axis: 0, role: 'out' }] },
      { name: 'c', size: 3, axes: [{ param: 'conv', axis: 3, role: 'out' }] },
    ],
  } as const;
  const scores = await neuronNorm.score(params, context);
  expect(scores).toEqual({ d: Float64Array.of(3, 4), c: Float64Array.of(3, 30, 300) });
});

test.each([
  // 20 candidates among 52 entries, half of which go; and 5 of 10 units of 5 entries each, beside 2 biases.
  { pruner: randomWeights, keep: 42 / 52, exclude: ['layers.1.weight'] },
  { pruner: randomNeurons, keep: 27 / 52, exclude: [] },
])('$pruner.name keeps every entry equally often, over keys', async ({ pruner, keep, exclude }) => {
  const { params, neurons } = chain(createReferenceBackend(), [2, 10, 2]);
  const runs = 400;
  const counts = new Array<number>(20).fill(0);
  for (let seed = 0; seed < runs; seed++) {
    const result = await prune(params, undefined, pruner, { keep, neurons, exclude, key: key(seed) });
    const mask = await maskOf(params, result.masks, 'layers.0.weight');
    expect(mask.filter((m) => m === 1)).toHaveLength(10);
    mask.forEach((m, i) => (counts[i]! += m));
  }
  // Each entry is kept in half of the runs; 4.5 standard deviations of √(400/4) = 10 (the seeds are fixed, so this never flickers).
  for (const count of counts) expect(Math.abs(count - runs / 2)).toBeLessThanOrEqual(45);
});

test('random pruners say that they need a key', async () => {
  const { params, neurons } = chain(createReferenceBackend(), [2, 4, 2]);
  await expect(prune(params, undefined, randomWeights, { keep: 0.5 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PruningError: random-weights: it draws random numbers and got no key. To fix: pass { key: key(seed) }.]`,
  );
  await expect(prune(params, undefined, randomNeurons, { keep: 0.5, neurons })).rejects.toThrow('got no key');
});
