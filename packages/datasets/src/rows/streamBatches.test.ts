import { key } from '@sparseflow/tensor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch, BatchOptions } from '../batches.ts';
import type { Split } from '../dataset.ts';
import { firstRows, readRows, rowsOf } from './rows.ts';
import { rowsInOrder, streamBatches } from './streamBatches.ts';

/** Row i is (i, -i) and carries the label i. */
function numbered(count: number): Split {
  const points = Float64Array.from({ length: 2 * count }, (_, k) => (k % 2 === 0 ? k / 2 : -(k - 1) / 2));
  return { points, labels: Int32Array.from({ length: count }, (_, i) => i), count, dim: 2 };
}

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const stream = (count: number, options: BatchOptions): Promise<Batch[]> =>
  collect(streamBatches(rowsOf(numbered(count)), options));
const labels = (all: readonly Batch[]): number[] => all.flatMap((batch) => [...batch.labels!]);

test('property: every epoch visits each row once, and a stream resumed at any cursor goes on as if it had not stopped', async () => {
  const options = fc.record({
    count: fc.integer({ min: 1, max: 60 }),
    batchSize: fc.integer({ min: 1, max: 70 }),
    seed: fc.maxSafeNat(),
    at: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(options, async ({ count, batchSize, seed, at }) => {
      const base = { key: key(seed), batchSize };
      const all = await stream(count, { ...base, epochs: 2 });
      for (const epoch of [0, 1]) {
        const rows = labels(all.filter(({ cursor }) => cursor.epoch === epoch));
        expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }
      for (const { points, labels: rows } of all) rows!.forEach((row, i) => expect(points[2 * i + 1]! + row).toBe(0));
      const stop = at % all.length;
      const { next } = all[stop]!;
      expect(await stream(count, { ...base, ...next, epochs: 2 - next.epoch })).toEqual(all.slice(stop + 1));
    }),
    { numRuns: 30 },
  );
});

test('epochs and keys order the rows differently', async () => {
  const order = async (seed: number, epoch: number) =>
    labels(await stream(100, { key: key(seed), batchSize: 100, epoch }));
  expect(await order(1, 0)).toEqual(await order(1, 0));
  expect(await order(1, 0)).not.toEqual(await order(1, 1));
  expect(await order(1, 0)).not.toEqual(await order(2, 0));
});

test('rows in order, the first rows, and all at once', async () => {
  const rows = rowsOf(numbered(10));
  const all = await collect(rowsInOrder(firstRows(rows, 7), { key: key(0), batchSize: 3 }));
  expect(all.map(({ count }) => count)).toEqual([3, 3, 1]);
  expect(labels(all)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(await readRows(rows, key(0))).toEqual(numbered(10));
});

test('bad options are named when it is called', () => {
  expect(() => streamBatches(rowsOf(numbered(3)), { key: key(0), batchSize: 0 })).toThrow('batchSize 0');
});
