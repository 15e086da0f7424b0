import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPublisher } from './publisher.ts';

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

/** A publisher whose reports take so long to write. */
function publish(costs: number, fails?: Error) {
  const written: [number, string[]][] = [];
  const errors: unknown[] = [];
  const publisher = createPublisher<string>(
    (subjects) => {
      if (fails !== undefined) throw fails;
      written.push([Date.now(), [...subjects]]);
      vi.setSystemTime(Date.now() + costs);
    },
    (error) => errors.push(error),
    { pause: 2000, share: 0.05 },
  );
  return { ...publisher, written, errors };
}

test('the first change is written at once, later ones together after a pause', () => {
  const { changed, written } = publish(0);
  changed('a');
  changed('b');
  changed('c');
  changed('b');
  expect(written).toEqual([[0, ['a']]]);
  vi.advanceTimersByTime(1999);
  expect(written).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(written.slice(1)).toEqual([[2000, ['b', 'c']]]);
  // Nothing changed, nothing is written.
  vi.advanceTimersByTime(100_000);
  expect(written).toHaveLength(2);
});

test('a report that takes long is written more rarely: a twentieth of the time', () => {
  const { changed, written } = publish(1000);
  changed('a');
  changed('a');
  // 1 s of writing, then 20 s without.
  vi.advanceTimersByTime(30_000);
  expect(written.map(([at]) => at)).toEqual([0, 21_000]);
});

test('what is pending is written when asked, and not when closed', () => {
  const { changed, flush, close, written } = publish(0);
  changed('a');
  changed('b');
  flush();
  expect(written.map(([, subjects]) => subjects)).toEqual([['a'], ['b']]);
  changed('c');
  close();
  flush();
  vi.advanceTimersByTime(10_000);
  expect(written).toHaveLength(2);
});

test('what fails is thrown where somebody can catch it', () => {
  const full = new Error('disk full');
  expect(() => publish(0, full).changed('a')).toThrow(full);
  let fails = false;
  const errors: unknown[] = [];
  const publisher = createPublisher<string>(
    () => {
      if (fails) throw full;
    },
    (error) => errors.push(error),
    { pause: 1 },
  );
  publisher.changed('a');
  fails = true;
  publisher.changed('b');
  vi.advanceTimersByTime(1000);
  expect(errors).toEqual([full]);
});
