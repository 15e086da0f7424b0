import { prune } from '@sparseflow/pruning';
import { tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, test } from 'vitest';
import { describePruner } from '../../packages/pruning/test/conformance.ts';
import { throughput } from './throughput.ts';

// What every pruner must do: exact counts, determinism, ties by index, no layer emptied, NaN refused, …
describePruner(throughput);

test('a unit that nothing reads goes first, however large its own weights', async () => {
  const backend = createReferenceBackend();
  const params = {
    first: tensor([[9], [1], [-2]], { backend }),
    second: tensor([[0, 1, 1]], { backend }),
  };
  const hidden = {
    name: 'hidden',
    size: 3,
    axes: [
      { param: 'first', axis: 0, role: 'out' },
      { param: 'second', axis: 1, role: 'in' },
    ],
  } as const;
  const context = { masks: {}, neurons: [hidden], candidates: [], key: undefined };
  expect(await throughput.score(params, context)).toEqual({ hidden: [0, 1, 2] });
  const { masks } = await prune(params, undefined, throughput, { keep: 2 / 3, neurons: [hidden] });
  expect(Array.from(await masks['first']!.data())).toEqual([0, 1, 1]);
});
