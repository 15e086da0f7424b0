import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { latestOf } from '../src/node/index.ts';
import { bundle, run } from './processes.ts';
import { STEPS_PER_EPOCH } from './regression.ts';

const EPOCHS = 40;
const STEPS = EPOCHS * STEPS_PER_EPOCH;
const EVERY = 2;

let folder: string;
let script: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resume-'));
  script = await bundle(new URL('./trainProcess.ts', import.meta.url), folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** The steps that a process said it took. */
const stepsOf = (lines: string[]): number[] =>
  lines.flatMap((line) => (line.startsWith('step ') ? [Number(line.slice(5))] : []));

test('training killed at random steps ends with the same bytes as training that was not', async () => {
  const whole = join(folder, 'whole.safetensors');
  const clean = await run(script, [whole, String(EPOCHS), '1000000']);
  expect([clean.code, stepsOf(clean.lines)]).toEqual([0, Array.from({ length: STEPS }, (_, i) => i)]);

  const killed = join(folder, 'killed.safetensors');
  let goesOnAt = 0;
  let kills = 0;
  while (kills < 4) {
    // Far enough that progress is made each time, near enough that the end is not reached.
    const victim = goesOnAt + 2 * EVERY + Math.floor((Math.random() * STEPS) / 8);
    const { signal, lines } = await run(script, [killed, String(EPOCHS), String(EVERY)], (line, child) => {
      if (line === `step ${victim}`) child.kill('SIGKILL');
    });
    const steps = stepsOf(lines);
    expect(steps[0]).toBe(goesOnAt);
    // The line arrives some time after the step, and the signal after that: read where the process really stood.
    goesOnAt = await savedStep(killed);
    expect(goesOnAt, `to be killed at step ${victim}`).toBeGreaterThan(steps[0]!);
    if (signal === null) break; // On a busy machine it may have come to its end before.
    kills++;
  }
  expect(kills).toBeGreaterThan(0);
  const last = await run(script, [killed, String(EPOCHS), String(EVERY)]);
  expect([last.code, last.lines.at(-1)]).toEqual([0, 'finished']);
  expect(stepsOf(last.lines)).toEqual(Array.from({ length: STEPS - goesOnAt }, (_, i) => goesOnAt + i));
  expect(Buffer.compare(await readFile(killed), await readFile(whole))).toBe(0);
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('where every step is saved, a kill loses the step under way and no other, though next to nothing is flushed', async () => {
  const path = join(folder, 'every.safetensors');
  const args = [path, String(EPOCHS)];
  let [begin, kills] = [0, 0];
  while (kills < 3) {
    const victim = begin + 3 + Math.floor((Math.random() * STEPS) / 8);
    const { signal, lines } = await run(script, args, (line, child) => {
      if (line === `step ${victim}`) child.kill('SIGKILL');
    });
    const steps = stepsOf(lines);
    expect(steps[0]).toBe(begin);
    if (signal === null) break; // On a busy machine it may have come to its end before.
    kills++;
    // A step is said when it is done, before it is saved.
    begin = Math.max(...(await Promise.all([path, ...latestOf(path)].map(savedStep))));
    expect(begin).toBeGreaterThanOrEqual(steps.at(-1)!);
    // Only the first save of each process was flushed.
    expect(await savedStep(path)).toBeLessThan(begin);
  }
  expect(kills).toBeGreaterThan(0);
  expect((await run(script, args)).lines.at(-1)).toBe('finished');
  expect(Buffer.compare(await readFile(path), await readFile(join(folder, 'whole.safetensors')))).toBe(0);
  expect((await readdir(folder)).filter((name) => name.startsWith('every') || name.includes('.every'))).toEqual([
    'every.safetensors',
  ]);
});

/** Read from the header by hand, so that nothing under test is trusted. */
async function savedStep(path: string): Promise<number> {
  const text = (await readFile(path)).toString('latin1');
  return Number(/\\"cursor\\":\{\\"epoch\\":\d+,\\"batch\\":\d+,\\"step\\":(\d+)/.exec(text)![1]);
}
