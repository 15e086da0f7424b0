import type { Flow } from '@sparseflow/cnf';
import { firstRows, readRows } from '@sparseflow/datasets';
import { fold, splitKey } from '@sparseflow/tensor';
import type { Key } from '@sparseflow/tensor';
import type { ImageQuality } from '../../analysis.ts';
import type { PointData } from '../pointData.ts';
import type { Findings, Subject } from './analyse.ts';
import { classModes, nearestClasses } from './classModes.ts';
import { goodShare, modeShares } from './modeDistance.ts';
import { overRepetitions } from './repetitions.ts';

/** Limits of good quality, in standard deviations: those of the paper. */
const limits = [3, 5] as const;
/** Images that are sampled at once. */
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
  const modes = await classModes(data.train, modesKey, backend);
  const testSet = await readRows(firstRows(data.test, count), testKey);
  const real = await nearestClasses(testSet.points, modes, backend);
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
    const found = await nearestClasses(points, modes, backend);
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
