import { afterEach, expect, test } from 'vitest';
import { planStudy } from '../plan.ts';
import { gaussians } from '../studies/gaussians.ts';
import { FileFailure } from '../results/fileFailure.ts';
import type { Executor, Job } from './executor.ts';
import { createStopFlag, createWorkerPool } from './workerPool.ts';

const script = new URL('../../test/echoWorker.mjs', import.meta.url);
const planned = planStudy(gaussians, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference' })[0]!;
const job = (label: string): Job => ({ planned: { ...planned, label }, checkpoints: '', fresh: false, threads: 1 });

let pool: Executor;
afterEach(() => pool.close());

async function run(label: string) {
  const threads: number[] = [];
  const warnings: string[] = [];
  const outcome = await pool.run(job(label), {
    onProgress: ({ loss }) => threads.push(loss),
    onWarning: (line) => warnings.push(line),
  });
  return { outcome, threads, warnings };
}

test('passes jobs in, and progress, warnings and outcomes out', async () => {
  pool = createWorkerPool(script, 1, createStopFlag());
  const { outcome, warnings, threads } = await run('a');
  expect(outcome).toEqual({ status: 'diverged', reason: 'a', parameters: null, epochs: 0, seconds: 0 });
  expect(warnings).toEqual(['warned by a']);
  expect(threads).toHaveLength(1);
});

test('reuses a thread that is free, and starts another when none is', async () => {
  pool = createWorkerPool(script, 2, createStopFlag());
  const [first] = (await run('a')).threads;
  expect((await run('b')).threads).toEqual([first]);
  const both = await Promise.all([run('a'), run('b')]);
  expect(new Set(both.flatMap(({ threads }) => threads)).size).toBe(2);
});

test('a raised flag is seen by a thread that never yields', async () => {
  const stop = createStopFlag();
  pool = createWorkerPool(script, 1, stop);
  const busy = run('busy');
  await new Promise((resolve) => setTimeout(resolve, 200));
  stop.raise();
  expect((await busy).outcome).toEqual({ status: 'stopped' });
});

test.each([
  ['fail', /^fail: a bug$/],
  ['throw', /^throw: out of memory, say$/],
  ['exit', /^exit: the worker ended with code 7$/],
])('a job that ends by %s rejects with the point’s name, and the pool goes on', async (label, message) => {
  pool = createWorkerPool(script, 1, createStopFlag());
  await expect(run(label)).rejects.toThrow(message);
  expect((await run('next')).outcome).toMatchObject({ reason: 'next' });
});

test('a file that the system refuses in a worker is reported as such', async () => {
  pool = createWorkerPool(script, 1, createStopFlag());
  const error = await run('disk full').catch((e: unknown) => e);
  expect(error).toBeInstanceOf(FileFailure);
  expect((error as Error).message).toMatch(
    /^cannot write \/r\/a\.json: no space left on device \(ENOSPC\)\. To fix: free some space/,
  );
});
