import { fold, key, mapTree, square, tensor, uniform } from '@sparseflow/tensor';
import type { Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, test } from 'vitest';
import { checkPruner, magnitude, neuronNorm, pruners, PruningError, requireKey } from './index.ts';
import type { Pruner, PruningContext } from './index.ts';

test.each(pruners.map((pruner) => [pruner.name, pruner] as const))('%s passes', async (_, pruner) => {
  await checkPruner(pruner);
});

const other = createReferenceBackend();
let asked = 0;
const constant = (params: Params, { candidates }: PruningContext, score: unknown) =>
  Object.fromEntries(candidates.map((name) => [name, new Array<never>(params[name]!.size).fill(score as never)]));

test.each<[what: string, pruner: Partial<Pruner>, message: string]>([
  ['NaN', { score: (p, c) => constant(p, c, NaN) }, "the score of 'layers.0.weight' at index 0 is NaN"],
  ['nothing', { score: (p, c) => constant(p, c, undefined) }, 'at index 0 is undefined'],
  ['text', { score: (p, c) => constant(p, c, '7') }, "at index 0 is '7'"],
  ['no record', { score: () => undefined as never }, "no scores for 'layers.0.weight'"],
  ['too few', { score: () => ({ 'layers.0.weight': [1] }) }, "1 scores for 'layers.0.weight', which has 24"],
  [
    'a key that it does not say it needs',
    { score: (p, c) => constant(p, c, requireKey('mine', c).words[0]) },
    'got no key',
  ],
  ['an unknown need', { needs: ['gradients' as never] }, "needs 'gradients', which is not known"],
  ['another target', { target: 'weight' as never }, "has the target 'weight'"],
  ['another scope', { scope: 'layers' as never }, "the scope is 'layers'"],
  [
    'other scores every time',
    { score: (p, { candidates }) => mapArrays(p, candidates, (i) => uniform(fold(key(3), asked++), 99)[i]!) },
    'it scores otherwise when asked again',
  ],
  [
    'tensors left behind',
    {
      score(params, { candidates }) {
        mapTree({ ...params }, square);
        return mapArrays(params, candidates, (i) => i);
      },
    },
    'tensors behind',
  ],
])('refuses: %s', async (_, broken, message) => {
  const checking = checkPruner({ ...magnitude, name: 'mine', ...broken });
  await expect(checking).rejects.toThrow(PruningError);
  await expect(checking).rejects.toThrow(message);
});

test('what a pruner throws passes through', async () => {
  const score = () => {
    throw new TypeError('a bug of its own');
  };
  await expect(checkPruner({ ...neuronNorm, score })).rejects.toThrow(TypeError);
});

test('scores may be tensors of any backend', async () => {
  await checkPruner({
    ...magnitude,
    score: (params, { candidates }) =>
      Object.fromEntries(candidates.map((n) => [n, tensor(new Float64Array(params[n]!.size), { backend: other })])),
  });
  expect(other.liveBuffers()).toBe(0);
});

function mapArrays(params: Params, names: readonly string[], f: (i: number) => number) {
  return Object.fromEntries(names.map((name) => [name, Array.from({ length: params[name]!.size }, (_, i) => f(i))]));
}
