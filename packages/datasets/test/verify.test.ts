import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { arbitrary, filesIn, npy, put } from './files.ts';
import { temporaryFolder } from './realData.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cli = fileURLToPath(new URL('../src/node/cli.ts', import.meta.url));

/** `datasets verify power`, in a process of its own. */
function verify(dataDir: string, cache: string): { readonly code: number | null; readonly out: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=@sparseflow/source', cli, 'verify', 'power', '--data-dir', dataDir],
    { cwd: root, encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: cache } },
  );
  return { code: status, out: `${stdout}${stderr}` };
}

/** Folders with an excerpt of POWER that was verified once, and so prepared; its file, and how to find a prepared one. */
function prepared(pack: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes, name = 'power/data_excerpt.npy') {
  const [dataDir, cache] = [temporaryFolder(), temporaryFolder()];
  const rows = Array.from({ length: 40 }, (_, i) => Array.from({ length: 8 }, (_, j) => arbitrary(8 * i + j)));
  put(dataDir, name, pack(npy(rows)));
  utimesSync(join(dataDir, name), longAgo, longAgo);
  expect(verify(dataDir, cache)).toEqual({
    code: 0,
    out:
      'power: no checksum is published; 1 source and 4 prepared files are as they were; 33 + 3 + 4 rows; ' +
      'not comparable with the paper: an excerpt of 40 of 2,049,280 rows\n',
  });
  const kept = (file: string): string => filesIn(cache).find((path) => basename(path) === file)!;
  return { dataDir, cache, source: join(dataDir, name), kept };
}

/** In whole seconds since 1970: of a file's own times Node reads more digits than it can set. */
const longAgo = 1_000_000_000;

/** One bit of a file becomes another, without a trace in its size or times, as on a failing disk. */
function rot(path: string, place: number): void {
  writeFileSync(
    path,
    readFileSync(path).map((byte, i) => (i === place ? byte ^ 1 : byte)),
  );
  utimesSync(path, longAgo, longAgo);
}

// A process takes about a second to start, several on a busy machine.
const options = { timeout: 120_000 };

test('a source that lost a bit after it was prepared is named, with what to do', options, () => {
  const { dataDir, cache, source } = prepared();
  rot(source, statSync(source).size - 1);
  const { code, out } = verify(dataDir, cache);
  expect(code).toBe(1);
  expect(out).toContain(`${source}: its sha256 is `);
  expect(out).toMatch(/as it was when the splits were prepared from it\. To fix: it is damaged: get it again; if /);
});

test('so is a gzipped one', options, () => {
  const { dataDir, cache, source } = prepared(gzipSync, 'power/data_excerpt.npy.gz');
  rot(source, 9); // the system that packed it, which decompression does not look at
  expect(verify(dataDir, cache)).toMatchObject({ code: 1, out: expect.stringContaining(`${source}: its sha256 is `) });
});

test.each([
  ['rows of a split', 'validation.npy'],
  ['facts about them', 'dataset.json'],
])('prepared %s that lost a bit are named, and made again once their folder is gone', options, (_what, name) => {
  const { dataDir, cache, kept } = prepared();
  const path = kept(name);
  // Of the file of facts, a digit of a mean: it still reads well.
  rot(path, name.endsWith('.json') ? readFileSync(path, 'utf8').search(/\d,\n/) : statSync(path).size - 1);
  const { code, out } = verify(dataDir, cache);
  expect(code).toBe(1);
  expect(out).toMatch(/its sha256 is \w{64} instead of \w{64}\. To fix: remove its folder: it will be made again\.\n$/);
  expect(out.startsWith(`${path}: `)).toBe(true);
  rmSync(join(path, '..'), { recursive: true });
  expect(verify(dataDir, cache).code).toBe(0);
});
