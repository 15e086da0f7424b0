import { key } from '@sparseflow/tensor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batches, batchesPerEpoch, type Batch, type BatchOptions } from './batches.ts';
import type { Split } from './dataset.ts';

/** Row i is (i, -i) and carries the label i, so that rows can be recognised. */
function numbered(count: number): Split {
  const points = Float64Array.from({ length: 2 * count }, (_, k) => (k % 2 === 0 ? k / 2 : -(k - 1) / 2));
  return { points, labels: Int32Array.from({ length: count }, (_, i) => i), count, dim: 2 };
}

const stream = (count: number, options: BatchOptions): Batch[] => [...batches(numbered(count), options)];
const options = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  batchSize: fc.integer({ min: 1, max: 70 }),
  seed: fc.maxSafeNat(),
  epochs: fc.integer({ min: 1, max: 3 }),
});

test('property: every epoch visits each row once, with its label', () => {
  fc.assert(
    fc.property(options, ({ count, batchSize, seed, epochs }) => {
      const all = stream(count, { key: key(seed), batchSize, epochs });
      expect(all).toHaveLength(epochs * batchesPerEpoch(numbered(count), batchSize));
      for (let epoch = 0; epoch < epochs; epoch++) {
        const rows = all.filter((b) => b.cursor.epoch === epoch).flatMap((b) => [...b.labels!]);
        expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }
      for (const batch of all) {
        expect(batch.count).toBe(batch.labels!.length);
        batch.labels!.forEach((row, i) =>
          expect([...batch.points.subarray(2 * i, 2 * i + 2)].map(Math.abs)).toEqual([row, row]),
        );
      }
    }),
    { numRuns: 50 },
  );
});

test('property: resumed at any cursor, even through JSON, it goes on exactly as if it had not stopped', () => {
  fc.assert(
    fc.property(options, fc.nat(), fc.boolean(), ({ count, batchSize, seed, epochs }, at, wantDropLast) => {
      const dropLast = wantDropLast && batchSize <= count;
      const base = { key: key(seed), batchSize, dropLast };
      const all = stream(count, { ...base, epochs });
      const stop = at % all.length;
      const cursor = JSON.parse(JSON.stringify(all[stop]!.next)) as { epoch: number; index: number };
      expect(stream(count, { ...base, ...cursor, epochs: epochs - cursor.epoch })).toEqual(all.slice(stop + 1));
      expect(stream(count, { ...base, ...all[stop]!.cursor, epochs: epochs - all[stop]!.cursor.epoch })).toEqual(
        all.slice(stop),
      );
    }),
    { numRuns: 50 },
  );
});

test('epochs and keys order the rows differently', () => {
  const order = (seed: number, epoch: number): number[] => [
    ...stream(200, { key: key(seed), batchSize: 200, epoch })[0]!.labels!,
  ];
  expect(order(1, 0)).toEqual(order(1, 0));
  expect(order(1, 0)).not.toEqual(order(1, 1));
  expect(order(1, 0)).not.toEqual(order(2, 0));
});

test('a last small batch is kept, or dropped on request', () => {
  const sizes = (dropLast: boolean): number[] =>
    stream(10, { key: key(0), batchSize: 4, dropLast }).map((b) => b.count);
  expect(sizes(false)).toEqual([4, 4, 2]);
  expect(sizes(true)).toEqual([4, 4]);
  expect(stream(10, { key: key(0), batchSize: 4, dropLast: true })[1]!.next).toEqual({ epoch: 1, index: 0 });
});

test('streams without end when asked to', () => {
  const seen: number[] = [];
  for (const { cursor } of batches(numbered(3), { key: key(0), batchSize: 2, epochs: Infinity })) {
    seen.push(cursor.epoch);
    if (seen.length === 7) break;
  }
  expect(seen).toEqual([0, 0, 1, 1, 2, 2, 3]);
});

test('batches are copies', () => {
  const split = numbered(4);
  const before = split.points.slice();
  for (const batch of batches(split, { key: key(0), batchSize: 4 })) batch.points.fill(99);
  expect(split.points).toEqual(before);
});

test('points without labels give batches without labels', () => {
  const { labels: _, ...bare } = numbered(4);
  const [batch] = [...batches(bare, { key: key(0), batchSize: 4 })];
  expect('labels' in batch!).toBe(false);
});

test('bad options are named', () => {
  const run = (extra: Partial<BatchOptions>) => () => batches(numbered(10), { key: key(0), batchSize: 4, ...extra });
  expect(run({ batchSize: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: batches: batchSize 0 is not a positive integer. To fix: pass a number of points per batch.]`,
  );
  expect(run({ batchSize: 11, dropLast: true })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: batches: 10 points make no batch of 11. To fix: lower batchSize, or keep the last batch.]`,
  );
  expect(run({ index: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: batches: index 3 is past the 3 batches of an epoch. To fix: resume with the split, batchSize and dropLast that the cursor was made with.]`,
  );
  expect(run({ epoch: -1 })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: batches: epoch -1 is not a non-negative integer. To fix: count epoch from 0.]`,
  );
  expect(run({ epochs: 0.5 })).toThrow('epochs 0.5');
  expect(run({ index: Number.NaN })).toThrow('index NaN');
  expect(() => [...batches({ points: new Float64Array(0), count: 0, dim: 2 }, { key: key(0), batchSize: 1 })]).toThrow(
    'no batch',
  );
});
