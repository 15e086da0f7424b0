import type { Flow } from '@sparseflow/cnf';
import { firstRows, modes as modesOf, readRows, rowsInOrder } from '@sparseflow/datasets';
import type { Mode, Rows } from '@sparseflow/datasets';
import { fold, splitKey } from '@sparseflow/tensor';
import type { Key } from '@sparseflow/tensor';
import type { ImageQuality } from '../../analysis.ts';
import type { PointData } from '../pointData.ts';
import type { Findings, Subject } from './analyse.ts';
import { goodShare, modeShares, nearestModes } from './modeDistance.ts';
import { overRepetitions } from './repetitions.ts';

/** Limits of good quality, in standard deviations: those of the paper. */
const limits = [3, 5] as const;
/** Images that are read or sampled at once. */
const atOnce = 128;
/** Samples that are kept for the figure. */
const drawn = 64;

/**
 * Draws images again and again, and asks how many fall near the mean of a class of the training images, in pixels, and whether every class gets
 * its share. Images of the test set are judged, too: that many of perfect samples would be good. Errors are over the repetitions.
 *
 * @param shape [height, width, channels]
 */
export async function imageQuality(
  {
    flow,
    params,
    data,
    key,
    backend,
    step,
  }: Omit<Subject, 'flow' | 'data'> & {
    readonly flow: Flow;
    readonly data: PointData;
  },
  { samples: count, repetitions }: ImageQuality,
  shape: readonly number[],
): Promise<Findings> {
  const [modesKey, testKey, samplesKey] = splitKey(key, 3) as [Key, Key, Key];
  step(0, repetitions);
  const modes = await classModes(data.train, modesKey);
  const real = nearestModes((await readRows(firstRows(data.test, count), testKey)).points, modes);
  const measured: Record<string, number>[] = [];
  let first = new Float32Array();
  for (const [i, repetition] of splitKey(samplesKey, repetitions).entries()) {
    const points = new Float32Array(count * flow.dim);
    for (let from = 0; from < count; from += atOnce) {
      step(i + from / count, repetitions);
      const rows = Math.min(atOnce, count - from);
      const samples = await flow.sample(params, rows, { key: fold(repetition, from), backend });
      points.set(await samples.data(), from * flow.dim);
      samples.dispose();
    }
    const found = nearestModes(points, modes);
    const shares = modeShares(found, 5, modes.length);
    measured.push({
      ...Object.fromEntries(limits.map((limit) => [`good${limit}`, 100 * goodShare(found, limit)])),
      captured: shares.filter((share) => share > 0).length,
      weakest: 100 * modes.length * Math.min(...shares),
    });
    if (i === 0) first = points.slice(0, drawn * flow.dim);
  }
  const ofTestSet = limits.map(
    (limit) => [`real${limit}`, { value: 100 * goodShare(real, limit), standardError: null }] as const,
  );
  const images = { shape: [first.length / flow.dim, ...shape], values: first };
  return {
    quantities: { ...overRepetitions(measured), ...Object.fromEntries(ofTestSet) },
    artefact: { extent: 1, arrays: { images } },
  };
}

/** Mean and covariance of each class. One class at a time is in memory. */
export async function classModes(rows: Rows, key: Key): Promise<Mode[]> {
  const rowsOf = new Map<number, number[]>();
  let row = 0;
  for await (const { labels } of rowsInOrder(rows, { key, batchSize: atOnce })) {
    for (const label of labels!) {
      const found = rowsOf.get(label);
      if (found) found.push(row);
      else rowsOf.set(label, [row]);
      row++;
    }
  }
  const modes: Mode[] = [];
  for (const [, own] of [...rowsOf].sort(([a], [b]) => a - b))
    modes.push(...modesOf(await rows.take(Int32Array.from(own), key)));
  return modes;
}
