import { createCpuBackend, layoutOf, sparsify } from '@sparseflow/backend-cpu';
import { cnf, hutchinson, mlp } from '@sparseflow/cnf';
import { rk4 } from '@sparseflow/ode-solvers';
import { applyMasks, magnitude, prune, pruneNM } from '@sparseflow/pruning';
import type { PruneResult } from '@sparseflow/pruning';
import { disposeTree, key, mapTree, randomNormal, tensor } from '@sparseflow/tensor';
import type { Backend, Params } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, test } from 'vitest';

// Widths that are multiples of neither pattern nor vector.
const field = mlp({ dim: 3, hidden: [43, 38], activation: 'tanh' });
const flow = cnf({ field, solver: rk4, steps: 4 });
const inner = 'layers.1.weight';

/** Loss and gradients of a batch with fixed noise and steps. */
async function lossAndGrad(params: Params, backend: Backend): Promise<Record<string, number[]>> {
  const x = randomNormal(key(1), [70, 3], { backend });
  const { loss, grads } = await flow.lossAndGrad(params, x, { divergence: hutchinson(), key: key(2) });
  const values = { loss, ...grads };
  const entries = Object.entries(values).map(async ([name, t]) => [name, Array.from(await t.data())] as const);
  const result = Object.fromEntries(await Promise.all(entries));
  disposeTree([x, values]);
  return result;
}

type Pattern = (params: Params) => Promise<PruneResult>;
const block = (rows: number, columns: number, keep: number): Pattern => {
  return (params) => prune(params, undefined, magnitude, { keep, block: [rows, columns] });
};
const ofM = (n: number, m: number): Pattern => {
  return (params) => pruneNM(params, undefined, magnitude, { n, m });
};

test.each<[name: string, pattern: Pattern]>([
  ['2 of 4', ofM(2, 4)],
  ['1 of 4', ofM(1, 4)],
  ['1 of 16', ofM(1, 16)],
  ['blocks of 4 × 4', block(4, 4, 0.25)],
  ['blocks of 1 × 8', block(1, 8, 0.25)],
])('the sparse kernels take the pattern %s', async (_, pattern) => {
  const [exact, fast] = [createReferenceBackend(), createCpuBackend({ threads: 1 })];
  const dense = field.init(key(0), { backend: exact });
  const { masks } = await pattern(dense);
  const masked = applyMasks(dense, masks);
  const expected = await lossAndGrad(masked, exact);

  const upload = (record: Params): Params =>
    mapTree({ ...record }, (t) => tensor(t.dataSync(), { backend: fast, dtype: 'float32', shape: t.shape }));
  for (const asked of [undefined, 'tiled', 'csr'] as const) {
    const sparse = sparsify(upload(dense), upload(masks), asked && { layout: asked });
    expect(asked === undefined ? ['tiled', 'csr'] : [asked]).toContain(layoutOf(sparse[inner]!));
    const actual = await lossAndGrad(sparse, fast);
    for (const [name, values] of Object.entries(expected)) {
      const mask = masks[name]?.dataSync();
      const largest = Math.max(...values.map(Math.abs));
      values.forEach((v, i) => {
        // Single precision (6e-8) over 16 evaluations and sums of 70 rows by 43 units.
        if (mask?.[i] === 0) expect(actual[name]![i]).toBe(0);
        else expect(Math.abs(actual[name]![i]! - v), name).toBeLessThan(1e-5 * largest);
      });
    }
  }
});
