import { key, normal } from '@sparseflow/tensor';
import { describe, expect, it } from 'vitest';
import { matrixOperator } from '../test/dense.ts';
import { lanczos } from './lanczos.ts';
import type { CurvatureOperator } from './operator.ts';
import { powerIteration } from './powerIteration.ts';
import { memoryRecord, resumable } from './resumable.ts';
import { spectralDensity } from './spectralDensity.ts';
import { diagonalEstimate, hutchinsonTrace, hutchPlusPlusTrace } from './trace.ts';

const n = 30;
const matrix = Array.from({ length: n }, (_, i) =>
  Array.from({ length: n }, (__, j) => Math.cos(i * j) + (i === j ? i : 0)),
);
/** Products that were computed, not remembered. */
function counted(): { operator: CurvatureOperator; products: () => number } {
  let products = 0;
  const inner = matrixOperator(matrix.map((row, i) => row.map((x, j) => (x + matrix[j]![i]!) / 2)));
  return {
    operator: { ...inner, apply: (v) => ((products += 1), inner.apply(v)) },
    products: () => products,
  };
}

const algorithms: Record<string, (operator: CurvatureOperator, signal?: AbortSignal) => Promise<unknown>> = {
  lanczos: async (h) => {
    const { state: _state, ...result } = await lanczos(h, { k: 3, key: key(0) });
    return result;
  },
  powerIteration: (h) => powerIteration(h, { k: 2, key: key(1), tolerance: 1e-6 }),
  hutchinsonTrace: (h) => hutchinsonTrace(h, { samples: 12, key: key(2) }),
  hutchPlusPlusTrace: (h) => hutchPlusPlusTrace(h, { samples: 6, key: key(3) }),
  diagonalEstimate: (h) => diagonalEstimate(h, { samples: 12, key: key(4) }),
  spectralDensity: async (h) => (await spectralDensity(h, { probes: 3, steps: 8, key: key(5) })).nodes,
};

describe.each(Object.entries(algorithms))('%s', (_, run) => {
  it('killed and resumed, again and again, gives the same answer to the bit, and repeats no product', async () => {
    const whole = counted();
    const expected = await run(whole.operator);

    const parts = counted();
    const record = memoryRecord();
    for (const most of [1, 3, 6, 10]) {
      const stop = new AbortController();
      const onProduct = (done: number): void => void (done === most && stop.abort());
      const killed = run(resumable(parts.operator, { record, signal: stop.signal, onProduct }));
      await expect(killed).rejects.toThrow(/abort/);
      expect(parts.products()).toBe(most);
    }
    expect(await run(resumable(parts.operator, { record }))).toEqual(expected);
    expect(parts.products()).toBe(whole.products());
  });
});

it('reports every product, those from the record included', async () => {
  const record = memoryRecord();
  const { operator } = counted();
  await hutchinsonTrace(resumable(operator, { record }), { samples: 2, key: key(0) });
  const seen: [number, boolean][] = [];
  const onProduct = (done: number, fromRecord: boolean): void => void seen.push([done, fromRecord]);
  await hutchinsonTrace(resumable(operator, { record, onProduct }), { samples: 4, key: key(0) });
  // The keys of four samples begin with those of two.
  expect(seen).toEqual([
    [1, true],
    [2, true],
    [3, false],
    [4, false],
  ]);
});

it('refuses the record of another computation', async () => {
  const record = memoryRecord();
  const { operator } = counted();
  await resumable(operator, { record }).apply(normal(key(0), n));
  await expect(resumable(operator, { record }).apply(normal(key(1), n))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[RecordMismatchError: resumable: product 0 of the record is of another vector. To fix: start with an empty record: the operator, the algorithm or its key has changed.]`,
  );
});
