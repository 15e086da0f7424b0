import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeLeftovers } from './leftovers.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'leftovers-'))));
afterEach(() => rmSync(directory, { recursive: true }));

test('half-written files go, all others stay', () => {
  const points = join(directory, 'gaussians', 'points');
  mkdirSync(points, { recursive: true });
  const address = 'a'.repeat(32);
  const state = `${address}.training.safetensors`;
  const kept = [`${address}.json`, `${address}.1.json`, state, `${state}.latest.0`, 'notes.2024', '.hidden'];
  const gone = [`${address}.json.3872634`, `.${address}.safetensors.0f8fad5b-d9cb-469f-a165-70867728950e.tmp`];
  for (const name of [...kept, ...gone]) writeFileSync(join(points, name), 'x');
  writeFileSync(join(directory, 'index.html.12345'), 'x');
  writeFileSync(join(directory, 'index.html'), 'x');
  removeLeftovers(directory);
  expect(readdirSync(points).sort()).toEqual([...kept].sort());
  expect(readdirSync(directory).sort()).toEqual(['gaussians', 'index.html']);
});
