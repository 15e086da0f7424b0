import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Point, Result } from '../src/results/schema.ts';
import { resultSchema } from '../src/results/schema.ts';
import type { Ended, Program, Running } from './program.ts';
import { createProgram } from './program.ts';

// The program as it is run: a process with worker threads, on a real backend, at the smoke budget.
let program: Program;
let cwd: string;
beforeAll(async () => {
  program = await createProgram('cli');
  cwd = program.cwd;
}, 60_000);
afterAll(() => program.remove());

const start = (line: string): Running => program.start(line);
const run = (line: string): Promise<Ended> => program.run(line);

/** Sends a signal some time after the program has said something. */
async function runAndKill(line: string, signal: NodeJS.Signals, when: RegExp, after: number): Promise<Ended> {
  const running = start(line);
  await running.says(when);
  await new Promise((resolve) => setTimeout(resolve, after));
  running.kill(signal);
  return running.ended;
}

const smoke = '--budget smoke --backend wasm';
const numbers = ({ points }: Result): Omit<Point, 'seconds'>[] => points.map(({ seconds: _seconds, ...rest }) => rest);
const resultIn = (out: string): Result =>
  v.parse(resultSchema, JSON.parse(readFileSync(join(cwd, out, 'gaussians', 'result.json'), 'utf8')));

let whole: Result;

test(
  'the smoke budget runs to its end in well under a minute of computing, and standard output is the result alone',
  { timeout: 300_000 },
  async () => {
    const { code, stdout, stderr } = await run(`gaussians ${smoke} --workers 2 --json --out whole`);
    expect(stderr).toContain('Done in');
    expect(code).toBe(0);
    whole = v.parse(resultSchema, JSON.parse(stdout));
    expect(whole).toEqual(resultIn('whole'));
    expect(whole.points.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'dense ok',
      'unstructured ok',
      'structured ok',
      'random ok',
      'control ok',
    ]);
    // Computing, not waiting: two workers share it, and a machine that is busy with other things is slower than its cores.
    expect(whole.seconds).toBeLessThan(240);
    for (const { testNll, method } of whole.points) {
      // Better than any normal distribution (1 + log 2π = 2.838), and not below the entropy of the mixture (1.134).
      expect(testNll, method).toBeLessThan(2.838);
      expect(testNll, method).toBeGreaterThan(1.1);
    }
  },
);

test(
  'one worker, interrupted by Ctrl-C, then killed, then resumed: the same numbers',
  { timeout: 300_000 },
  async () => {
    const line = `gaussians ${smoke} --workers 1 --out parts`;
    const interrupted = await runAndKill(line, 'SIGINT', /^\[1\/5/m, 300);
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr.trimEnd().split('\n').at(-1)).toBe(
      `Interrupted; everything finished so far is kept. Resume with: pnpm reproduce ${line}`,
    );
    const checkpoints = join(cwd, 'parts', 'gaussians', 'checkpoints');
    expect(readdirSync(checkpoints).filter((name) => name.endsWith('.training.safetensors'))).toHaveLength(1);

    const killed = await runAndKill(line, 'SIGKILL', /^\[2\/4/m, 300);
    expect(killed.signal).toBe('SIGKILL');
    // Its lock is left behind; the next run finds its process gone.
    expect(readdirSync(join(cwd, 'parts'))).toContain('.lock.json');

    const { code, stderr } = await run(line);
    expect(stderr).toMatch(/kept from before/);
    expect(code).toBe(0);
    expect(numbers(resultIn('parts'))).toEqual(numbers(whole));
    expect(readdirSync(checkpoints).filter((name) => name.includes('.training.'))).toEqual([]);
    expect(readdirSync(join(cwd, 'parts'))).not.toContain('.lock.json');
  },
);

test('two runs cannot share a directory', { timeout: 120_000 }, async () => {
  const first = start('gaussians --budget quick --backend reference --workers 1 --out shared');
  await first.says(/points to compute/);
  const second = await run(`gaussians ${smoke} --out shared`);
  expect(second.code).toBe(2);
  expect(second.stderr).toMatch(/^.*shared is in use by another run \(process \d+ on .*\)\. To fix: wait for it.*\n$/);
  first.kill('SIGTERM');
  expect((await first.ended).code).toBe(130);
});

test('bad input ends with 2 and one line, before anything is loaded or written', { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await run('gausians');
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toBe(
    "unknown study 'gausians' (did you mean 'gaussians'?). To fix: run `pnpm reproduce list` to see every name.\n",
  );
  expect(readdirSync(cwd)).not.toContain('results');
});
