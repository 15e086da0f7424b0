import { expect, test } from 'vitest';
import type { FakeOptions } from '../../test/fakeExecutor.ts';
import { fakeExecutor, fakeMeasured } from '../../test/fakeExecutor.ts';
import { planStudy } from '../plan.ts';
import { gaussians } from '../studies/gaussians.ts';
import type { Outcome } from './executor.ts';
import { runPoints } from './runPoints.ts';
import { createStopFlag } from './workerPool.ts';

const points = planStudy(gaussians, { budget: 'quick', protocol: 'paper', seeds: [0, 1, 2], backend: 'reference' });

async function run(options: FakeOptions, stop = createStopFlag(), subset = points) {
  const executor = fakeExecutor({ ...options, stop });
  const outcomes = new Map<string, Outcome>();
  const order: string[] = [];
  const end = await runPoints(subset, executor, () => ({ checkpoints: '', fresh: false, threads: 1 }), stop, {
    onFinish(point, outcome) {
      outcomes.set(point.address, outcome);
      order.push(point.address);
    },
  });
  return { end, executor, outcomes, order };
}

test.each([1, 2, 5, 64])(
  'with %i workers every point is computed once, after its parent, to the same numbers',
  async (size) => {
    const { end, executor, outcomes, order } = await run({ size });
    expect(end).toBe('finished');
    expect([...executor.started].sort()).toEqual(points.map(({ address }) => address).sort());
    expect(executor.mostAtOnce()).toBe(Math.min(size, 12));
    for (const point of points) {
      const outcome = outcomes.get(point.address);
      expect(outcome?.status === 'ok' && outcome.measured).toEqual(fakeMeasured(point));
      if (point.config.parent !== null)
        expect(order.indexOf(point.config.parent)).toBeLessThan(order.indexOf(point.address));
    }
  },
);

test('a diverged point takes its descendants with it, untrained, and nothing else', async () => {
  const culprit = points.find(
    ({ config }) => config.method === 'structured' && config.round === 2 && config.seed === 1,
  )!;
  const { end, outcomes, executor } = await run({ size: 2, diverges: ({ address }) => address === culprit.address });
  expect(end).toBe('finished');
  const diverged = points.filter(({ address }) => outcomes.get(address)!.status === 'diverged');
  expect(diverged.map(({ config }) => [config.seed, config.method, config.round])).toEqual([
    [1, 'structured', 2],
    [1, 'structured', 3],
  ]);
  expect(executor.started).not.toContain(diverged[1]!.address);
  expect(outcomes.get(diverged[1]!.address)).toMatchObject({
    reason: expect.stringContaining(culprit.label) as string,
  });
});

test('a diverged dense point marks its whole seed', async () => {
  const { outcomes } = await run({ size: 3, diverges: ({ config }) => config.method === 'dense' && config.seed === 2 });
  for (const { address, config } of points)
    expect(outcomes.get(address)!.status).toBe(config.seed === 2 ? 'diverged' : 'ok');
});

test('stops at once: nothing more starts, and points under way end as stopped', async () => {
  const stop = createStopFlag();
  let count = 0;
  const { end, executor, outcomes } = await run({ size: 2, onStart: () => ++count === 4 && stop.raise() }, stop);
  expect(end).toBe('stopped');
  expect(executor.started).toHaveLength(4);
  expect(outcomes.size).toBeLessThan(4);
});

test('a failure that is not the point’s own ends the run with that error, after the others ended', async () => {
  const stop = createStopFlag();
  const broken = points.find(({ config }) => config.method === 'random')!;
  let running = 0;
  const failing = run(
    { size: 2, fails: ({ address }) => address === broken.address, onStart: () => (running += 1) },
    stop,
  );
  await expect(failing).rejects.toThrow(`${broken.label} is broken`);
  expect(stop.raised()).toBe(true);
  expect(running).toBeLessThan(points.length);
});

test('points whose parent is finished already start right away', async () => {
  const rest = points.filter(({ config }) => config.round > 1);
  const { outcomes } = await run({ size: 4 }, createStopFlag(), rest);
  expect(outcomes.size).toBe(rest.length);
});
