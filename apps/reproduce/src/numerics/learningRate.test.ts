import { expect, test } from 'vitest';
import { learningRateFactor } from './learningRate.ts';

const decay = { factor: 0.1, times: 2 };
const factors = (patience: number | null, validations: readonly number[], epochs = 100) =>
  validations.map((_, epoch) =>
    learningRateFactor({ epochs, batch: 1, patience, decay }, epoch, validations.slice(0, epoch)),
  );

test('without decay it is constant', () => {
  expect(learningRateFactor({ epochs: 10, batch: 1, patience: 2 }, 9, [1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(1);
});

test('falls after the patience, which starts again at an improvement and at a fall, and not more often than it may', () => {
  //           best  1  2 ↓    1  best  1  2 ↓    1  2  3
  const losses = [5, 6, 6, 6, 4, 6, 6, 6, 6, 6, 6];
  expect(factors(2, losses)).toEqual([1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1 ** 2, 0.1 ** 2, 0.1 ** 2, 0.1 ** 2]);
});

test('in a round of fixed length it falls at the middle and at three quarters', () => {
  const all = factors(null, new Array<number>(100).fill(0));
  expect(all.slice(0, 50).every((factor) => factor === 1)).toBe(true);
  expect(all.slice(50, 75).every((factor) => factor === 0.1)).toBe(true);
  expect(all.slice(75).every((factor) => factor === 0.1 ** 2)).toBe(true);
});

test('at milestones it falls to a tenth', () => {
  const at = (epoch: number) =>
    learningRateFactor({ epochs: 100, batch: 1, patience: null, milestones: [90, 97] }, epoch, []);
  expect([0, 89, 90, 96, 97, 99].map(at)).toEqual([1, 1, 0.1, 0.1, 0.1 ** 2, 0.1 ** 2]);
});
