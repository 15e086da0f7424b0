import { expect, test } from 'vitest';
import { excerpt, excerptOfTwo } from './excerpt.ts';

test('only all rows are comparable, of a set in two files those of both', () => {
  expect(excerpt(36_488, 36_488)).toEqual({});
  expect(excerpt(36_487, 36_488)).toEqual({ reason: 'an excerpt of 36,487 of 36,488 rows' });
  const whole = { train: 350_136, test: 174_987 };
  expect(excerptOfTwo(whole, whole, 'rows')).toEqual({});
  expect(excerptOfTwo({ ...whole, test: 60_000 }, whole, 'rows')).toEqual({
    reason: 'an excerpt of 350,136 of 350,136 training and 60,000 of 174,987 test rows',
  });
  expect(excerptOfTwo({ ...whole, train: 1000 }, whole, 'rows')).toEqual({
    reason: 'an excerpt of 1,000 of 350,136 training and 174,987 of 174,987 test rows',
  });
});
