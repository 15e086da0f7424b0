import { expect, test } from 'vitest';
import { nll, standardError } from './train.ts';

test('it has learned most of what there is to learn', () => {
  // A normal distribution with the data's variance of 1 has ½ · 2 · ln 2πe = 2.838 nats; the mixture itself 1.134.
  expect(nll).toBeLessThan(1.5);
  expect(nll).toBeGreaterThan(1.134 - 4 * standardError);
});
