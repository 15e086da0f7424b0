import { key } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, test } from 'vitest';
import { labelsToTensor, toTensor } from './to-tensor.ts';
import { diffeqml } from './toy/diffeqml.ts';
import { moons } from './toy/moons.ts';

test('uploads points and labels, and leaves nothing behind once disposed', () => {
  const backend = createReferenceBackend();
  const { test: split } = moons(key(0), { trainPerMode: 10 });
  const x = toTensor(split, { backend });
  const labels = labelsToTensor(split, { backend });
  expect([x.shape, x.dtype]).toEqual([[10, 2], backend.dtypes[0]]);
  expect([labels.shape, labels.dtype]).toEqual([[10], 'int32']);
  expect(x.dataSync()).toEqual(split.points);
  expect(labels.dataSync()).toEqual(split.labels);
  x.dispose();
  labels.dispose();
  expect(backend.liveBuffers()).toBe(0);
});

test('rounds to float32 when asked', () => {
  const { test: split } = moons(key(0), { trainPerMode: 10 });
  const x = toTensor(split, { backend: createReferenceBackend(), dtype: 'float32' });
  expect(x.dataSync()).toEqual(Float32Array.from(split.points));
});

test('points without labels are named', () => {
  const backend = createReferenceBackend();
  const { test: split } = diffeqml(key(0), { trainPerMode: 10 });
  expect(() => labelsToTensor(split, { backend })).toThrowErrorMatchingInlineSnapshot(
    `[DatasetError: labelsToTensor: the points have no labels. To fix: use a labelled data set.]`,
  );
  expect(backend.liveBuffers()).toBe(0);
});
