import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Behaviour, Ran } from '../../test/runMain.ts';
import { runMain, sampleFound } from '../../test/runMain.ts';
import type { Point, Result } from '../results/schema.ts';
import { resultSchema } from '../results/schema.ts';

let cwd: string;
beforeEach(() => (cwd = mkdtempSync(join(tmpdir(), 'merge-'))));
afterEach(() => rmSync(cwd, { recursive: true }));

const run = (line: string, behaviour?: Behaviour): Promise<Ran> => runMain(cwd, line, behaviour);
const smoke = '--budget smoke --backend reference';
const resultIn = (out: string, study = 'gaussians'): Result =>
  v.parse(resultSchema, JSON.parse(readFileSync(join(cwd, out, study, 'result.json'), 'utf8')));
const numbers = ({ points }: Result): Omit<Point, 'seconds'>[] => points.map(({ seconds: _seconds, ...rest }) => rest);
const pointsIn = (out: string): string[] => readdirSync(join(cwd, out, 'gaussians', 'points')).sort();
/** Everything that a directory holds, by path. */
function contents(out: string): Map<string, string> {
  const names = readdirSync(join(cwd, out), { recursive: true, withFileTypes: true });
  return new Map(
    names
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')]),
  );
}

describe('merge', () => {
  test('parts that were computed apart give the whole', async () => {
    await run(`${smoke} --seeds 2 --out whole`);
    await run(`${smoke} --workers 1 --seeds 2 --out a`, { interruptAt: 5 });
    await run(`${smoke} --workers 1 --seeds 2 --out b`, { interruptAt: 9 });
    expect(resultIn('a').partial).toBeDefined();
    const before = contents('b');
    await run(`spirals ${smoke} --out c`);
    const { code, stderr } = await run('merge a b c --out all');
    expect(code).toBe(0);
    const [whole, all] = [resultIn('whole'), resultIn('all')];
    expect(stderr).toContain(`gaussians: ${all.points.length} of 10 points of the smoke budget`);
    expect(stderr).toContain('spirals: all 5 points of the smoke budget');
    // What both had is there once, and with the numbers that it has in the whole.
    expect(pointsIn('all')).toEqual([...new Set([...pointsIn('a'), ...pointsIn('b')])].sort());
    const known = new Map(numbers(whole).map((point) => [point.address, point]));
    for (const point of numbers(all)) expect(point).toEqual(known.get(point.address));
    expect(contents('b')).toEqual(before);

    const { executor } = await run(`${smoke} --seeds 2 --out all`);
    expect(executor!.started).toHaveLength(10 - all.points.length);
    expect(numbers(resultIn('all'))).toEqual(numbers(whole));
    expect(readFileSync(join(cwd, 'all', 'index.html'), 'utf8')).toContain('id="spirals"');
  });

  test('seeds of several machines become one study', async () => {
    await run(`${smoke} --seeds 1 --out one`);
    await run(`${smoke} --seeds 3 --out three`);
    expect((await run('merge three --out one')).code).toBe(0);
    expect(resultIn('one').seeds).toEqual([0, 1, 2]);
    expect(resultIn('one').partial).toBeUndefined();
    expect(numbers(resultIn('one'))).toEqual(numbers(resultIn('three')));
    expect(resultIn('one').run.command).toContain('--seeds 3');
  });

  test('seeds that were computed apart are computed once and merged', async () => {
    await run(`${smoke} --seeds 2 --out first`);
    const { executor } = await run(`${smoke} --seeds 2-3 --out second`);
    expect(executor!.started).toHaveLength(10);
    expect(resultIn('second')).toMatchObject({ seed: 2, seeds: [2, 3] });
    expect((await run('merge first second --out both')).code).toBe(0);
    await run(`${smoke} --seeds 4 --out whole`);
    expect(resultIn('both').seeds).toEqual([0, 1, 2, 3]);
    expect(resultIn('both').partial).toBeUndefined();
    expect(numbers(resultIn('both'))).toEqual(numbers(resultIn('whole')));
  });

  test('a normal distribution belongs to no seed: without results, seeds 2 and 3 are all there is', async () => {
    const files: Behaviour = { found: { power: sampleFound } };
    await run(`power ${smoke} --seeds 2-3 --out a`, files);
    expect(resultIn('a', 'power').points[0]).toMatchObject({ method: 'gaussian' });
    rmSync(join(cwd, 'a', 'power', 'result.json'));
    await run('report --out a');
    expect(resultIn('a', 'power').seeds).toEqual([2, 3]);
    expect(resultIn('a', 'power').partial).toBeUndefined();
  });

  test('of two budgets of a study the one with more points is shown, and both are kept', async () => {
    await run(`${smoke} --out a`);
    await run('--backend reference --out b');
    expect((await run('merge a --out b')).code).toBe(0);
    expect(resultIn('b')).toMatchObject({ budget: 'quick' });
    expect(pointsIn('b')).toHaveLength(5 + 13);
    expect(readdirSync(join(cwd, 'b')).sort()).toEqual(['.sparseflow-results.json', 'gaussians', 'index.html']);
  });

  test('points without any result are recognised', async () => {
    await run(`${smoke} --pruner movement --out a`);
    rmSync(join(cwd, 'a', 'gaussians', 'result.json'));
    await run('merge a --out b');
    expect(resultIn('b')).toMatchObject({ budget: 'smoke', protocol: 'paper', backend: 'reference', seeds: [0] });
    expect(resultIn('b').points.map(({ method }) => method)).toContain('pruner:movement');
    expect(resultIn('b').partial).toBeUndefined();
  });

  test('other numbers under the same address are named, and nothing is written', async () => {
    await run(`${smoke} --out a`);
    await run(`${smoke} --out b`);
    const { address, testNll } = resultIn('b').points[2]!;
    const path = join(cwd, 'b', 'gaussians', 'points', `${address}.json`);
    writeFileSync(path, readFileSync(path, 'utf8').replace(String(testNll), '1.23'));
    const before = contents('a');
    const { code, stderr } = await run('merge b --out a');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^[^\n]*\n$/);
    expect(stderr).toContain(address);
    expect(stderr).toContain('1.23');
    expect(contents('a')).toEqual(before);
    expect((await run('merge a b --out c')).code).toBe(2);
    expect(existsSync(join(cwd, 'c'))).toBe(false);
  });

  test('times may differ: of two equal points the first is kept', async () => {
    await run(`${smoke} --out a`);
    await run(`${smoke} --out b`);
    const { address } = resultIn('b').points[0]!;
    const path = join(cwd, 'b', 'gaussians', 'points', `${address}.json`);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"seconds": 2', '"seconds": 9'));
    expect((await run('merge b --out a')).code).toBe(0);
    expect(resultIn('a').points[0]!.seconds).toBe(2);
  });

  test('damaged and foreign files are named and left where they are', async () => {
    await run(`${smoke} --out a`);
    const points = join(cwd, 'a', 'gaussians', 'points');
    const name = `${resultIn('a').points[1]!.address}.json`;
    writeFileSync(join(points, name), 'garbage');
    writeFileSync(join(points, 'notes.txt'), 'mine');
    const { code, stderr } = await run('merge a --out b');
    expect(code).toBe(0);
    expect(stderr).toContain(`${join(points, name)} cannot be used and is left alone`);
    expect(pointsIn('b')).toHaveLength(4);
    expect(readFileSync(join(points, name), 'utf8')).toBe('garbage');
  });

  test('artefacts come along, so that figures are drawn again', async () => {
    await run(`${smoke} --out a`);
    await run('merge a --out b');
    expect(readdirSync(join(cwd, 'b', 'gaussians', 'figures'))).toEqual(
      readdirSync(join(cwd, 'a', 'gaussians', 'figures')),
    );
  });

  test('something else in the place of a result of the studies that are merged is left alone, and nothing is written', async () => {
    await run(`${smoke} --out a`);
    await run(`spirals ${smoke} --out b`);
    mkdirSync(join(cwd, 'b', 'gaussians'));
    writeFileSync(join(cwd, 'b', 'gaussians', 'result.json'), '{"mine": true}');
    const before = contents('b');
    for (const line of ['merge a --out b', `gaussians ${smoke} --out b`]) {
      const { code, stderr } = await run(line);
      expect(stderr).toMatch(/^[^\n]*result\.json is in the way: it is not the result of gaussians [^\n]*\n$/);
      expect(code).toBe(2);
      expect(contents('b')).toEqual(before);
    }
    // It is in nobody's way where nothing of the study is merged.
    await run(`spirals ${smoke} --seeds 2 --out c`);
    const { code, stderr } = await run('merge c --out b');
    expect(code).toBe(0);
    expect(stderr).toMatch(/gaussians\/result\.json cannot be used and is left alone/);
    expect(readFileSync(join(cwd, 'b', 'gaussians', 'result.json'), 'utf8')).toBe('{"mine": true}');
  });

  test('a damaged result is set aside and made again; one of a directory that is merged stays', async () => {
    await run(`${smoke} --out a`);
    await run(`${smoke} --seeds 2 --out b`);
    for (const out of ['a', 'b']) writeFileSync(join(cwd, out, 'gaussians', 'result.json'), '{');
    const { code, stderr } = await run('merge b --out a');
    expect(code).toBe(0);
    expect(stderr).toContain(
      `${join(cwd, 'b', 'gaussians', 'result.json')} cannot be used and is left alone: not JSON`,
    );
    expect(stderr).toMatch(/a\/gaussians\/result\.json is damaged .* it is kept as result\.damaged\.json/);
    expect(stderr).not.toMatch(/a\/gaussians\/result\.json cannot/);
    expect(resultIn('a').seeds).toEqual([0, 1]);
    expect(readFileSync(join(cwd, 'a', 'gaussians', 'result.damaged.json'), 'utf8')).toBe('{');
    expect(readFileSync(join(cwd, 'b', 'gaussians', 'result.json'), 'utf8')).toBe('{');
  });

  test('files that have the names of folders are named and left alone', async () => {
    await run(`${smoke} --out a`);
    for (const folder of ['notes', 'letters']) mkdirSync(join(cwd, 'a', folder));
    writeFileSync(join(cwd, 'a', 'notes', 'points'), 'mine');
    writeFileSync(join(cwd, 'a', 'letters', 'tensorboard'), 'mine');
    writeFileSync(join(cwd, 'a', 'gaussians', 'tensorboard'), 'mine');
    const { code, stderr } = await run('merge a --out b');
    expect(code).toBe(0);
    for (const path of ['notes/points', 'gaussians/tensorboard'])
      expect(stderr).toContain(`${join(cwd, 'a', path)} cannot be used and is left alone: it is not a directory`);
    for (const line of ['report --out a', `${smoke} --out a`, `${smoke} --out a --dry-run`, 'export --out a'])
      expect((await run(line)).code, line).toBe(0);
    expect((await run('report --out a')).stderr).toContain(
      `left alone in ${join(cwd, 'a')}: gaussians/tensorboard, letters, notes\n`,
    );
    expect(readFileSync(join(cwd, 'a', 'notes', 'points'), 'utf8')).toBe('mine');
  });

  test.each([
    ['merge', /^missing required argument 'dir'/],
    ['merge nowhere', /^merge: .*nowhere does not exist\. To fix: /],
    ['merge photos', /^merge: .*photos holds no results of this program\. To fix: /],
    ['merge a --out a', /^merge: .*a is --out itself\. To fix: /],
    ['merge a --out photos', /^--out .*photos holds files that are not results/],
    ['merge a --seeds 3', /^unknown option '--seeds'/],
  ])('%s is refused', async (line, message) => {
    mkdirSync(join(cwd, 'photos'));
    writeFileSync(join(cwd, 'photos', 'cat.jpg'), '');
    await run(`${smoke} --out a`);
    const before = contents('.');
    const { code, stderr } = await run(line);
    expect(stderr).toMatch(/^[^\n]*\n$/);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message) as string]);
    expect(contents('.')).toEqual(before);
  });
});

describe('report', () => {
  test('writes everything again from the stored points, as it was', async () => {
    await run(`${smoke} --seeds 2 --out a`);
    const before = contents('a');
    for (const path of before.keys()) if (/result\.json$|\.md$|\.html$|figures/.test(path)) rmSync(path);
    const { code, stderr } = await run('report --out a');
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('gaussians: all 10 points of the smoke budget') as string,
    ]);
    const after = contents('a');
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    const figures = [...before].filter(([path]) => path.includes('figures'));
    for (const [path, text] of figures) expect(after.get(path) === text, path).toBe(true);
  });

  test('keeps how the points were made', async () => {
    await run(`${smoke} --out a`);
    const before = resultIn('a');
    await run('report --out a');
    expect(resultIn('a')).toEqual({ ...before, run: { ...before.run, kept: 0 } });
  });

  test('sets a damaged result aside each time, and leaves alone what is something else’s', async () => {
    await run(`${smoke} --out a`);
    const folder = join(cwd, 'a', 'gaussians');
    const whole = readFileSync(join(folder, 'result.json'), 'utf8');
    const ofOther = whole.replace('"schema": 1', '"schema": 2');
    for (const damage of ['{', whole.replace('"points"', '"remarks of mine"')]) {
      writeFileSync(join(folder, 'result.json'), damage);
      const { code, stderr } = await run('report --out a');
      expect([code, stderr.match(/result\.json/g)]).toEqual([0, ['result.json']]);
      expect(stderr).toMatch(/result\.json is damaged .* made again from the finished points$/m);
      expect(numbers(resultIn('a'))).toHaveLength(5);
    }
    expect(readFileSync(join(folder, 'result.damaged.json'), 'utf8')).toBe('{');
    expect(readFileSync(join(folder, 'result.damaged.1.json'), 'utf8')).toContain('remarks of mine');

    writeFileSync(join(folder, 'result.json'), ofOther);
    const before = contents('a');
    const { code, stderr } = await run('report --out a');
    expect(stderr).toMatch(
      /^[^\n]*result\.json is in the way: [^\n]*\(schema: [^\n]*To fix: move it elsewhere[^\n]*\n$/,
    );
    expect(code).toBe(2);
    expect(contents('a')).toEqual(before);
  });

  test('does not take shared points for studies that nobody ran', async () => {
    await run(`${smoke} --out a`);
    rmSync(join(cwd, 'a', 'gaussians', 'result.json'));
    await run('report --out a');
    expect(readdirSync(join(cwd, 'a')).sort()).toEqual(['.sparseflow-results.json', 'gaussians', 'index.html']);
  });

  test.each([
    ['report --out nowhere', /^--out .*nowhere does not exist\. To fix: /],
    ['export --out nowhere', /^--out .*nowhere does not exist\. To fix: /],
    ['report gaussians', /^too many arguments/],
    ['report --json', /^unknown option '--json'/],
  ])('%s is refused', async (line, message) => {
    const { code, stderr } = await run(line);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message) as string]);
    expect(readdirSync(cwd)).toEqual([]);
  });
});

test('export writes one row a point, with all digits', async () => {
  await run(`gaussians spirals ${smoke} --seeds 2`, { diverges: ({ config }) => config.method === 'random' });
  const { code, stderr } = await run('export');
  expect([code, stderr]).toEqual([0, `20 points of 2 studies are in ${join(cwd, 'results', 'points.csv')}.\n`]);
  const rows = parse<Record<string, string>>(readFileSync(join(cwd, 'results', 'points.csv')), { columns: true });
  const points = ['gaussians', 'spirals'].flatMap((study) =>
    resultIn('results', study).points.map((point) => ({ study, ...point })),
  );
  expect(rows).toHaveLength(points.length);
  rows.forEach((row, i) => {
    const point = points[i]!;
    expect([row['study'], row['address'], row['method']]).toEqual([point.study, point.address, point.method]);
    expect(row['testNll'] === '' ? null : Number(row['testNll'])).toBe(point.testNll);
    expect(row['reason']).toBe(point.reason ?? '');
  });
});
