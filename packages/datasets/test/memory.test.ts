import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { key } from '@sparseflow/tensor';
import { expect, test } from 'vitest';
import { npyHeader } from '../src/formats/npyHeader.ts';
import { npyTable } from '../src/formats/npy.ts';
import { fileStorage } from '../src/node/index.ts';
import type { Rows } from '../src/rows/rows.ts';
import { streamBatches } from '../src/rows/streamBatches.ts';
import { writeWhole } from '../src/storage/storage.ts';
import { temporaryFolder } from './realData.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The most memory that is held during an epoch over a file of as many rows, in bytes. */
async function heldInAnEpoch(count: number): Promise<number> {
  const [dim, piece] = [6, 1000];
  const storage = fileStorage(temporaryFolder());
  await writeWhole(storage, 'rows.npy', async (append) => {
    await append(npyHeader('<f4', [count, dim]));
    const values = new Float32Array(piece * dim);
    for (let first = 0; first < count; first += piece) {
      values.forEach((_, k) => (values[k] = first + Math.floor(k / dim)));
      await append(new Uint8Array(values.buffer));
    }
  });
  const file = (await storage.open('rows.npy'))!;
  const table = await npyTable(file);
  const rows: Rows = {
    count,
    dim,
    labelled: false,
    take: async (indices) => ({ points: await table.take(indices), count: indices.length, dim }),
  };
  collectGarbage();
  const held = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = held();
  let [most, seen, sum] = [0, 0, 0];
  for await (const batch of streamBatches(rows, { key: key(0), batchSize: 1000 })) {
    seen += batch.count;
    for (let i = 0; i < batch.count; i++) sum += batch.points[i * dim]!;
    if (seen === 1000 || seen % 250_000 === 0) {
      collectGarbage();
      most = Math.max(most, held() - before);
    }
  }
  await file.close();
  expect([seen, sum]).toEqual([count, (count * (count - 1)) / 2]);
  return most;
}

// About two seconds on an idle machine: a million rows are read, each by its position.
test('an epoch over a million rows holds no more memory than one over a thousand', { timeout: 120_000 }, async () => {
  await heldInAnEpoch(20_000); // what is compiled on the way is held from here on
  const few = await heldInAnEpoch(1000);
  const many = await heldInAnEpoch(1_000_000);
  // The rows take 24 MB, an index of them 4 MB; compiled code and counters of the test's own come and go by up to 1.3 MB.
  expect(many - few).toBeLessThan(2e6);
});
