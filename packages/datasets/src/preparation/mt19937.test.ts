import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { randomState } from './mt19937.ts';

const numpy = JSON.parse(readFileSync(new URL('../../test/fixtures/numpy-random-state.json', import.meta.url), 'utf8'));

const shuffled = (seed: number, count: number) => {
  const random = randomState(seed);
  const order = Int32Array.from({ length: count }, (_, i) => i);
  random.shuffle(order);
  return { random, order: [...order] };
};

test('shuffles as numpy does, and draws as it does afterwards', () => {
  const { random, order } = shuffled(42, 1000);
  expect(order).toEqual(numpy.order);
  expect(Array.from({ length: 5 }, () => random.rand())).toEqual(numpy.after);
  for (const [count, expected] of Object.entries(numpy.small)) {
    expect(shuffled(Number(count), Number(count)).order).toEqual(expected);
  }
});

test('draws as numpy does beyond the first block, from the smallest and the largest seed', () => {
  for (const [seed, expected] of [
    [0, numpy.late],
    [2 ** 32 - 1, numpy.largest_seed],
  ]) {
    const random = randomState(seed);
    random.skip(697);
    expect([random.rand(), random.rand(), random.rand()]).toEqual(expected);
  }
});

test('the known answer of the authors’ reference program: 10,000th word from seed 5489', () => {
  const random = randomState(5489);
  random.skip(4999);
  // The 53 bits hold the upper 27 of the 9,999th word and the upper 26 of the 10,000th, which is 4123659995.
  expect(Math.floor(random.rand() * 2 ** 53) % 2 ** 26).toBe(4123659995 >>> 6);
});

test('copies go on by themselves', () => {
  const random = randomState(1);
  random.rand();
  const copy = random.clone();
  const drawn = Array.from({ length: 400 }, () => random.rand());
  expect(Array.from({ length: 400 }, () => copy.rand())).toEqual(drawn);
});
