import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runMain } from '../../test/runMain.ts';
import { foreignFiles } from './foreign.ts';

let cwd: string;
beforeEach(() => (cwd = mkdtempSync(join(tmpdir(), 'foreign-'))));
afterEach(() => rmSync(cwd, { recursive: true }));

const run = (line: string) => runMain(cwd, `${line} --budget smoke --backend reference`);

test('nothing that the program writes is foreign, and what else lies there is named and left alone', async () => {
  expect((await run('gaussians vector-field')).code).toBe(0);
  await runMain(cwd, 'export');
  const results = join(cwd, 'results');
  expect(foreignFiles(results)).toEqual([]);
  // What a run with a real training leaves besides.
  const address = 'a'.repeat(32);
  const ours = [
    `checkpoints/${address}.training.safetensors`,
    `checkpoints/${address}.training.safetensors.latest.0`,
    `logs/${address}.jsonl`,
    'tensorboard/gaussians-seed-0-dense-aaaaaaaa/events.out.tfevents.sparseflow',
  ];
  const foreign = ['gaussians/notes.md', 'gaussians/points/shopping.txt', 'letters', 'thesis.tex'];
  for (const path of [
    ...ours.map((name) => `gaussians/${name}`),
    ...foreign.filter((name) => name !== 'letters'),
    'letters/mum.txt',
  ]) {
    mkdirSync(dirname(join(results, path)), { recursive: true });
    writeFileSync(join(results, path), 'mine');
  }
  expect(foreignFiles(results)).toEqual(foreign);
  const { code, stderr } = await run('gaussians');
  expect(code).toBe(0);
  expect(stderr).toContain(`warning: not of this program, and left alone in ${results}: ${foreign.join(', ')}\n`);
  expect(foreignFiles(results)).toEqual(foreign);
});
