import { expect, test } from 'vitest';
import { sampleResult } from '../test/sample.ts';
import { combined, continued } from './provenance.ts';

const { run, machine, versions } = sampleResult(1);
const earlier = { run, machine, versions };
const here = {
  run: {
    command: 'pnpm reproduce --workers 4',
    finished: '2026-02-03T04:05:06.000Z',
    wallSeconds: 100,
    workers: 4,
    kept: 3,
  },
  machine: { ...machine, cores: 4 },
  versions: { ...versions, commit: 'abc' },
};

test('a run that goes on adds its command, time, machine and versions to those of before', () => {
  expect(continued(earlier, here, 2)).toEqual({
    run: {
      command: 'pnpm reproduce gaussians; pnpm reproduce --workers 4',
      finished: '2026-02-03T04:05:06.000Z',
      wallSeconds: 371,
      workers: 4,
      kept: 3,
      runs: 2,
    },
    machine,
    machines: [machine, here.machine],
    // Nobody knows which commit the earlier points are of.
    versions: { node: '20.20.2', reproduce: '0.0.0', commit: 'unknown and abc' },
  });
});

test('a run that computes nothing changes nothing of how the points were made', () => {
  expect(continued(earlier, here, 0)).toEqual(earlier);
  expect(continued(undefined, here, 0)).toEqual(here);
});

test('times add up to tenths of a second', () => {
  // In binary fractions 1.1 + 2.2 is a little more than 3.3.
  const [a, b] = [1.1, 2.2].map((wallSeconds) => ({ ...earlier, run: { ...run, wallSeconds } }));
  expect(continued(a, b!, 1).run.wallSeconds).toBe(3.3);
});

test('runs are counted through, and what they share is said once', () => {
  const twice = continued(earlier, { ...here, machine }, 1);
  const thrice = continued(twice, { ...here, machine }, 1);
  expect(thrice.run).toMatchObject({
    command: 'pnpm reproduce gaussians; pnpm reproduce --workers 4',
    runs: 3,
    wallSeconds: 471,
  });
  expect(thrice.machines).toBeUndefined();
  expect(thrice.versions['commit']).toBe('unknown and abc');
  expect(combined([earlier])).toEqual(earlier);
});
