import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Result } from '../src/results/schema.ts';
import { bundleProgram } from './bundle.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
// Directly below the package, whose package.json the program reads.
const bundle = fileURLToPath(new URL('../.test-bundle-pruner', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'pruner-'));
let program = '';
beforeAll(async () => (program = await bundleProgram(bundle)), 60_000);
afterAll(() => [bundle, scratch].forEach((path) => rmSync(path, { recursive: true, force: true })));

test('a pruner of a file and built-in ones that look at data get the whole study', async () => {
  const asked = ['./examples/custom-pruner/throughput.ts', 'movement', 'taylor', 'activation-sensitivity'];
  const flags = ['gaussians', '--budget', 'smoke', '--backend', 'wasm', '--json', '--out', `${scratch}/out`];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, ...flags, ...asked.flatMap((pruner) => ['--pruner', pruner])],
    { cwd: root, maxBuffer: 1 << 26, timeout: 230_000 },
  );
  const { points } = JSON.parse(stdout) as Result;
  const ratios = points.filter(({ method }) => method === 'unstructured').map(({ pruneRatio }) => pruneRatio);
  for (const name of ['throughput', 'movement', 'taylor', 'activation-sensitivity']) {
    const own = points.filter(({ method }) => method === `pruner:${name}`);
    expect(own.map(({ pruneRatio }) => pruneRatio)).toEqual(ratios);
    expect(own.every(({ status, testNll }) => status === 'ok' && Number.isFinite(testNll))).toBe(true);
  }
  expect(points.some(({ method }) => method === 'control')).toBe(true);
  const table = readFileSync(`${scratch}/out/gaussians/table.md`, 'utf8');
  expect(table).toContain('| throughput |');
  expect(existsSync(`${scratch}/out/index.html`)).toBe(true);
  expect(readFileSync(`${scratch}/out/index.html`, 'utf8')).toContain('activation-sensitivity');
}, 240_000);

test('what is no pruner is refused before anything is written', async () => {
  const run = promisify(execFile)(
    process.execPath,
    [program, 'gaussians', '--pruner', './README.md', '--out', `${scratch}/no`],
    {
      cwd: root,
    },
  );
  await expect(run).rejects.toMatchObject({ code: 2 });
  expect(existsSync(`${scratch}/no`)).toBe(false);
}, 30_000);
