import { expect, test } from 'vitest';
import { createReferenceBackend } from '../reference/index.ts';
import type { FloatDType } from '../dtype.ts';
import { key, type Key } from './key.ts';
import { normal, rademacher, uniform } from './samplers.ts';
import { randomNormal, randomRademacher, randomUniform } from './tensors.ts';

type Sampler = (k: Key, size: number, options: { dtype?: FloatDType }) => Float32Array | Float64Array;
const pairs: [string, typeof randomNormal, Sampler][] = [
  ['randomNormal', randomNormal, normal],
  ['randomUniform', randomUniform, uniform],
  ['randomRademacher', randomRademacher, rademacher],
];

test.each(pairs)('%s holds the numbers of its sampler', (_, random, sampler) => {
  const backend = createReferenceBackend();
  const wide = random(key(1), [3, 5], { backend, dtype: 'float64' });
  expect(wide.shape).toEqual([3, 5]);
  expect(wide.dataSync()).toEqual(sampler(key(1), 15, { dtype: 'float64' }));
  const narrow = random(key(1), [15], { backend, dtype: 'float32' });
  expect(narrow.dataSync()).toEqual(sampler(key(1), 15, { dtype: 'float32' }));
  expect(random(key(1), [], { backend }).dtype).toBe(backend.dtypes[0]);
  expect(random(key(1), [0, 2], { backend }).size).toBe(0);
});

test('leaves no buffer behind once disposed', () => {
  const backend = createReferenceBackend();
  for (const [, random] of pairs) random(key(1), [4], { backend }).dispose();
  expect(backend.liveBuffers()).toBe(0);
});
