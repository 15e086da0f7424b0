import type { Flow } from '@sparseflow/cnf';
import { firstRows, modes as modesOf, readRows, rowsOf } from '@sparseflow/datasets';
import type { Rows, Split } from '@sparseflow/datasets';
import { fold, key, normal, splitKey, tensor, uniform } from '@sparseflow/tensor';
import type { Key } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, test } from 'vitest';
import type { PointData } from '../pointData.ts';
import { classModes, nearestClasses } from './classModes.ts';
import { imageQuality } from './imageQuality.ts';
import { goodShare, nearestModes } from './modeDistance.ts';

const shape = [2, 2, 1];
const dim = 4;
const classes = 3;

/** Images around three means that are far from one another, labelled in turn. */
function split(count: number, seed: number): Split {
  const noise = normal(key(seed), count * dim);
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const points = Float64Array.from(noise, (value, i) => 10 * labels[Math.floor(i / dim)]! + value);
  return { points, labels, count, dim };
}

/** Rows with noise from the key, as those of images have. */
function noisy(of: Split): Rows {
  const rows = rowsOf(of);
  return {
    ...rows,
    async take(indices, noiseKey) {
      const taken = await rows.take(indices, noiseKey);
      const points = taken.points.map(
        (value, i) => value + uniform(fold(noiseKey, indices[Math.floor(i / dim)]!), dim)[i % dim]!,
      );
      return { ...taken, points };
    },
  };
}

const backend = createReferenceBackend();

/** The findings for a flow that draws images of classes in turn, exactly at their means. */
async function findingsOf(drawn: readonly number[]) {
  const train = noisy(split(300, 1));
  const test = noisy(split(200, 2));
  const data = { train, test } as PointData;
  // The analysis splits its key into those of the modes, of the test set and of the samples.
  const [modesKey, testKey] = splitKey(key(7), 3) as [Key, Key, Key];
  const modes = await classModes(train, modesKey, backend);
  let row = 0;
  const flow = {
    dim,
    async sample(_params: unknown, count: number) {
      const means = Array.from({ length: count }, () => [...modes[drawn[row++ % drawn.length]!]!.mean]);
      return tensor(means, { backend });
    },
  } as unknown as Flow;
  const findings = await imageQuality(
    {
      flow,
      data,
      params: {},
      masks: {},
      key: key(7),
      backend,
      extent: 1,
      statePath: '',
      signal: new AbortController().signal,
      step: () => undefined,
    },
    { kind: 'image-quality', samples: 150, repetitions: 2 },
    shape,
  );
  return { ...findings, ofTestSet: nearestModes((await readRows(firstRows(test, 150), testKey)).points, modes) };
}

test('classes one at a time on the backend have the moments and distances of all rows at once in float64', async () => {
  const rows = noisy(split(90, 3));
  const expected = modesOf(await readRows(rows, key(4)));
  const found = await classModes(rows, key(4), backend);
  // Single precision, of up to 30 terms: 30 · 6e-8, and a margin of five.
  const near = (a: ArrayLike<number>, b: Float64Array): void =>
    b.forEach((value, i) => expect(Math.abs(a[i]! - value)).toBeLessThan(1e-5 * (1 + Math.abs(value))));
  expected.forEach(({ label, count, mean, covariance }, k) => {
    expect([found[k]!.label, found[k]!.count]).toEqual([label, count]);
    near(found[k]!.mean, mean);
    near(found[k]!.covariance, covariance);
  });
  const points = split(50, 5).points;
  const oracle = nearestModes(points, expected);
  const nearest = await nearestClasses(points, found, backend);
  expect(nearest.nearest).toEqual(oracle.nearest);
  near(nearest.distances, oracle.distances);
});

test('images at the means of their classes are all good, and every class has its share', async () => {
  const { quantities, artefact, ofTestSet } = await findingsOf([0, 1, 2]);
  const certain = { standardError: 0 };
  expect(quantities).toMatchObject({
    good3: { value: 100, ...certain },
    good5: { value: 100, ...certain },
    captured: { value: classes, ...certain },
  });
  expect(quantities['weakest']!.value).toBeCloseTo(100, 10);
  for (const limit of [3, 5]) expect(quantities[`real${limit}`]!.value).toBe(100 * goodShare(ofTestSet, limit));
  // Of normal images with as many dimensions some are not good, and most are.
  expect(quantities['real3']!.value).toBeGreaterThan(50);
  expect(quantities['real3']!.value).toBeLessThan(100);
  expect(artefact.arrays['images']!.shape).toEqual([64, ...shape]);
});

test('classes that are never drawn are not captured', async () => {
  const { quantities } = await findingsOf([2, 2, 0, 2]);
  expect(quantities['good3']!.value).toBe(100);
  expect(quantities['captured']!.value).toBe(2);
  expect(quantities['weakest']!.value).toBe(0);
});
