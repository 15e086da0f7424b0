import { modes as modesOf } from '@sparseflow/datasets';
import { splitKey } from '@sparseflow/tensor';
import type { SampleQuality } from '../../analysis.ts';
import type { Findings, Subject } from './analyse.ts';
import { goodShare, modeShares, nearestModes } from './modeDistance.ts';
import { overRepetitions } from './repetitions.ts';

/** Limits of good quality, in standard deviations. */
const limits = [2, 3, 5] as const;
/** Samples that are kept for the figure. */
const drawn = 2000;

/**
 * Draws samples again and again, and asks how many fall near a mode of the training data, and whether every mode gets its share.
 * Errors are over the repetitions.
 */
export async function sampleQuality(
  { flow, params, data, key, backend, extent, step }: Subject,
  { samples: count, repetitions }: SampleQuality,
): Promise<Findings> {
  const modes = modesOf(data.train);
  const measured: Record<string, number>[] = [];
  let first = new Float32Array();
  for (const [i, sampleKey] of splitKey(key, repetitions).entries()) {
    step(i, repetitions);
    const samples = await flow.sample(params, count, { key: sampleKey, backend });
    const points = await samples.data();
    samples.dispose();
    const found = nearestModes(points, modes);
    const shares = modeShares(found, 3, modes.length);
    measured.push({
      ...Object.fromEntries(limits.map((limit) => [`good${limit}`, 100 * goodShare(found, limit)])),
      captured: shares.filter((share) => share > 0).length,
      weakest: 100 * modes.length * Math.min(...shares),
    });
    if (i === 0) first = Float32Array.from(points.subarray(0, 2 * drawn));
  }
  return {
    quantities: overRepetitions(measured),
    artefact: {
      extent,
      arrays: {
        samples: { shape: [first.length / 2, 2], values: first },
        modes: {
          shape: [modes.length, 2],
          values: Float32Array.from(modes.flatMap(({ mean }) => [...mean])),
        },
      },
    },
  };
}
