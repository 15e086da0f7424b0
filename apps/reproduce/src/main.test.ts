import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Behaviour, Ran } from '../test/runMain.ts';
import { npyFile } from '../test/npyFile.ts';
import { runMain, sampleFound } from '../test/runMain.ts';
import { openFiles } from './data/findData.ts';
import { exitCodes } from './main.ts';
import type { Point, Result } from './results/schema.ts';
import { resultSchema } from './results/schema.ts';
import type { FoundData } from './study.ts';
import { chainMethods } from './study.ts';

let cwd: string;
let elsewhere: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'main-'));
  // No test finds the data sets of whoever runs it.
  elsewhere = mkdtempSync(join(tmpdir(), 'cache-'));
  vi.stubEnv('XDG_CACHE_HOME', elsewhere);
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const directory of [cwd, elsewhere]) rmSync(directory, { recursive: true });
});

const run = (line: string, behaviour?: Behaviour): Promise<Ran> => runMain(cwd, line, behaviour);

const smoke = '--budget smoke --backend reference';
const readResult = (study = 'gaussians', out = 'results'): Result =>
  v.parse(resultSchema, JSON.parse(readFileSync(join(cwd, out, study, 'result.json'), 'utf8')));
/** What must not depend on when, where and how often it ran. */
const numbers = ({ points }: Result): Omit<Point, 'seconds'>[] => points.map(({ seconds: _seconds, ...rest }) => rest);

describe('a whole run', () => {
  test('writes results, table, figures and page, and says where', async () => {
    const { code, stdout, stderr } = await run(`gaussians ${smoke}`);
    expect(stderr).toContain('results/index.html');
    expect(code).toBe(exitCodes.ok);
    expect(stdout).toBe('');
    expect(readdirSync(join(cwd, 'results')).sort()).toEqual(['.sparseflow-results.json', 'gaussians', 'index.html']);
    expect(readdirSync(join(cwd, 'results', 'gaussians', 'figures')).sort()).toEqual([
      'density-structured.png',
      'density-structured.svg',
      'density-unstructured.png',
      'density-unstructured.svg',
      'nll.png',
      'nll.svg',
    ]);
    const result = readResult();
    expect(result.points.map(({ method }) => method)).toEqual(['dense', ...chainMethods]);
    expect(result).toMatchObject({
      schema: 1,
      study: 'gaussians',
      budget: 'smoke',
      backend: 'reference',
      seed: 0,
      seeds: [0],
    });
    expect(result.run).toMatchObject({ command: `pnpm reproduce gaussians ${smoke}`, kept: 0 });
    expect(readFileSync(join(cwd, 'results', 'index.html'), 'utf8')).toContain('Six Gaussians on a circle');
  });

  test('is gaussians at quick by default', async () => {
    const { code } = await run('--backend reference');
    expect(code).toBe(0);
    expect(readResult()).toMatchObject({ study: 'gaussians', budget: 'quick', protocol: 'paper' });
  });

  test('with --json prints the result, and it alone, on standard output', async () => {
    const { stdout, stderr } = await run(`${smoke} --json`);
    expect(JSON.parse(stdout)).toEqual(readResult());
    expect(stderr).not.toContain('"schema"');
  });

  test('with --json prints an array for several studies, in the catalogue’s order', async () => {
    const { stdout } = await run(`spirals gaussians ${smoke} --json`);
    expect((JSON.parse(stdout) as Result[]).map(({ study }) => study)).toEqual(['gaussians', 'spirals']);
    expect(readFileSync(join(cwd, 'results', 'index.html'), 'utf8')).toContain('id="spirals"');
  });

  test('gives the same numbers in the same order with any number of workers', async () => {
    await run(`${smoke} --seeds 3 --workers 1 --out one`);
    const { executor } = await run(`${smoke} --seeds 3 --workers 7 --out seven`);
    expect(executor!.mostAtOnce()).toBe(7);
    expect(numbers(readResult('gaussians', 'seven'))).toEqual(numbers(readResult('gaussians', 'one')));
  });
});

describe('data in files', () => {
  const excerpt: FoundData = { ...sampleFound, fingerprint: 'beef', reason: 'an excerpt of 1,300 of 2,049,280 rows' };
  const files = (found: FoundData): Behaviour => ({ found: { power: found, mnist: found } });

  test('a normal distribution stands beside the flows, and what is printed of other models below', async () => {
    const { code } = await run(`power mnist ${smoke}`, files(sampleFound));
    expect(code).toBe(exitCodes.ok);
    const result = readResult('power');
    expect(result.points.map(({ method }) => method)).toEqual(['gaussian', 'dense', ...chainMethods]);
    expect(result.dataset).toEqual(sampleFound);
    const table = (study: string): string => readFileSync(join(cwd, 'results', study, 'table.md'), 'utf8');
    expect(table('power')).toContain('| 0 % | gaussian |');
    expect(table('power')).toMatch(/nats (below|above) that of the normal distribution/);
    expect(table('power')).toContain('| Real NVP | −0.17 | 212,000 |');
    // Neither fewer rows nor smaller images are the paper's.
    const few = 'the first 64 of 1,000 training, the first 16 of 100 validation and the first 16 of 100 test rows';
    expect(table('power')).toContain(`Not comparable with the paper: ${few}.`);
    expect(table('mnist')).toContain('images of which 4 × 4 pixels were made one.');
    for (const study of ['power', 'mnist']) expect(table(study)).not.toMatch(/undefined|NaN|null|Infinity/);
    expect(readdirSync(join(cwd, 'results', 'mnist', 'figures'))).toContain('samples-unstructured.svg');
  });

  test('a whole data set at the paper budget is comparable with the paper', async () => {
    expect((await run('power --budget paper --backend reference', files(sampleFound))).code).toBe(exitCodes.ok);
    const table = readFileSync(join(cwd, 'results', 'power', 'table.md'), 'utf8');
    expect(readResult('power').notComparable).toBeUndefined();
    expect(table).not.toMatch(/not comparable/i);
    expect(table).toContain('| difference |');
  });

  test('an excerpt is marked in every table with numbers of it, and has points of its own', async () => {
    await run(`power ${smoke}`, files(excerpt));
    const table = readFileSync(join(cwd, 'results', 'power', 'table.md'), 'utf8');
    const marked = table.match(/^## .*\(not comparable with the paper\)$/gm);
    expect(marked).toHaveLength(2);
    expect(table.match(/an excerpt of 1,300 of 2,049,280 rows/g)).toHaveLength(3);
    const figure = readFileSync(join(cwd, 'results', 'power', 'figures', 'nll.svg'), 'utf8');
    expect(figure).toContain('not comparable with the paper');
    expect(table).not.toContain('| difference |');
    await run('export');
    const csv = readFileSync(join(cwd, 'results', 'points.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    for (const line of csv.slice(1)) expect(line).toContain('an excerpt of 1,300 of 2,049,280 rows');
    const page = readFileSync(join(cwd, 'results', 'index.html'), 'utf8');
    expect(page.match(/not comparable with the paper/g)!.length).toBeGreaterThanOrEqual(2);
    // What was computed of the excerpt is known again without its files, and is not taken for the whole set's.
    expect((await run('report')).stderr).toContain('power: all 6 points');
    expect((await run(`power ${smoke}`, files(sampleFound))).executor!.started).toHaveLength(6);
  });

  test('members of a group whose files are not there are named and left out; a study that is named is not', async () => {
    const line = (names: string) => `${names} ${smoke} --data-dir .`;
    const group = await run(line('table4'));
    expect(group.code).toBe(exitCodes.ok);
    expect(group.stderr).toMatch(
      /^Left out: mnist: .*train-images.* are not there\. To fix: .*pnpm datasets fetch mnist/m,
    );
    expect(readResult('mode-collapse').partial).toBeUndefined();
    expect(readdirSync(join(cwd, 'results'))).not.toContain('mode-collapse-mnist');
    const named = await run(line('table4 mode-collapse-mnist'));
    expect([named.code, named.stderr]).toEqual([exitCodes.usage, expect.stringMatching(/^mnist: .*\n$/) as string]);
  });

  test('are prepared once, before any worker starts: workers find everything written', async () => {
    const dataDir = join(cwd, 'data');
    mkdirSync(join(dataDir, 'miniboone'), { recursive: true });
    writeFileSync(join(dataDir, 'miniboone/data.npy'), npyFile(60, 43));
    /** Name and inode of every prepared file: one that is written again is another. */
    const prepared = (): string[] => {
      const entries = readdirSync(elsewhere, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      );
      return entries.map(({ parentPath, name }) => `${name} ${statSync(join(parentPath, name)).ino}`).sort();
    };
    const seen: string[][] = [];
    const opened: Promise<void>[] = [];
    const { code, executor } = await run(`miniboone ${smoke} --workers 2 --data-dir data`, {
      onStart() {
        seen.push(prepared());
        // What a worker begins with.
        opened.push(openFiles('miniboone', dataDir).then((rows) => rows.close()));
      },
    });
    await Promise.all(opened);
    expect(code).toBe(exitCodes.ok);
    expect(executor!.mostAtOnce()).toBe(2);
    const names = ['checksums.json', 'dataset.json', 'test.npy', 'train.npy', 'validation.npy'];
    expect(prepared().map((line) => line.split(' ')[0])).toEqual(names);
    for (const then of seen) expect(then).toEqual(prepared());
  });
});

test('the converged protocol stands beside the paper’s, under a name of its own', async () => {
  await run(`gaussians ${smoke}`);
  await run(`gaussians ${smoke} --protocol converged`);
  expect(readResult('gaussians').protocol).toBe('paper');
  expect(readResult('gaussians-converged').protocol).toBe('converged');
  const page = readFileSync(join(cwd, 'results', 'index.html'), 'utf8');
  expect(page).toContain('id="gaussians"');
  expect(page).toContain('id="gaussians-converged"');
  // Together in one figure, whichever of them was written last, and both among what is judged.
  const names = (study: string): string[] => readdirSync(join(cwd, 'results', study, 'figures'));
  expect(names('gaussians-converged')).toEqual(expect.arrayContaining(['protocols.png', 'protocols.svg']));
  expect(names('gaussians')).not.toContain('protocols.svg');
  const svg = readFileSync(join(cwd, 'results', 'gaussians-converged', 'figures', 'protocols.svg'), 'utf8');
  for (const heading of ['the paper’s: a fixed number of epochs', 'converged: dense flow trained to its end'])
    expect(svg).toContain(`>${heading}</text>`);
  expect(page).toContain('<figure id="protocols">');
  const summary = page.slice(page.indexOf('id="summary"'), page.indexOf('id="gaussians"'));
  expect(summary).toContain('smoke budget, protocol converged</a>');
  // Both are found again from their points alone.
  for (const study of ['gaussians', 'gaussians-converged'])
    rmSync(join(cwd, 'results', study, 'result.json'), { force: true });
  const { stderr } = await run('report');
  expect(stderr).toContain('gaussians: all 5 points');
  expect(stderr).toContain('gaussians-converged: all 5 points');
});

describe('an analysis', () => {
  test('starts from the models of the studies it is of, which are computed once, and stands beside them', async () => {
    await run(`gaussians ${smoke}`);
    const { code, executor, stderr } = await run(`vector-field ${smoke}`);
    expect(code).toBe(exitCodes.ok);
    expect(stderr).toContain('5 points to compute, 5 kept from before');
    expect(executor!.started).toHaveLength(5);
    const result = readResult('vector-field');
    // The models are not points of its own.
    expect(result.run.kept).toBe(0);
    expect(result.analysis).toBe('vector-field');
    expect(result.points.map(({ method }) => method)).toEqual(['dense', ...chainMethods]);
    const nll = (points: readonly Point[], method: string) => points.find((point) => point.method === method)!.testNll;
    expect(nll(result.points, 'structured')).toBe(nll(readResult('gaussians').points, 'structured'));
    expect(readdirSync(join(cwd, 'results')).sort()).toEqual([
      '.sparseflow-results.json',
      'gaussians',
      'index.html',
      'vector-field',
    ]);
  });

  test('trains the models itself where they are missing, and then the other study finds them', async () => {
    const together = await run(`gaussians mode-collapse vector-field ${smoke} --out together`);
    expect(together.code).toBe(exitCodes.ok);
    const started = together.executor!.started;
    expect(new Set(started).size).toBe(started.length);
    await run(`mode-collapse ${smoke} --out alone`);
    const { executor } = await run(`gaussians ${smoke} --out alone`);
    expect(executor).toBeUndefined();
    expect(numbers(readResult('gaussians', 'alone'))).toEqual(numbers(readResult('gaussians', 'together')));
    expect(readResult('mode-collapse', 'alone').variants).toEqual(['gaussians', 'gaussians-spiral']);
  });

  test('has its own figures and table, next to the paper’s numbers', async () => {
    await run(`hessian mode-collapse vector-field ablation-solver ${smoke}`);
    const figures = (study: string) =>
      readdirSync(join(cwd, 'results', study, 'figures')).filter((name) => name.endsWith('.svg'));
    expect(figures('hessian')).toEqual([
      'landscape-line.svg',
      'landscape-structured.svg',
      'landscape-unstructured.svg',
      'measures.svg',
      'spectrum.svg',
    ]);
    expect(figures('mode-collapse')).toContain('samples-structured-gaussians-spiral.svg');
    expect(figures('vector-field')).toContain('vector-field-structured.svg');
    expect(figures('ablation-solver')).toEqual(['settings.svg']);
    const table = (study: string) => readFileSync(join(cwd, 'results', study, 'table.md'), 'utf8');
    expect(table('mode-collapse')).toContain('good at 2σ (%): paper');
    expect(table('mode-collapse')).toContain('| 72.89 |');
    expect(table('hessian')).toMatch(/\| 0 % \| dense \|.*\| 1\.309 \| 1\.000 \| 1\.000 \| 0\.000 \|/);
    expect(table('ablation-solver')).toContain('| euler, exact gradient | 0 % | dense |');
    for (const study of ['hessian', 'mode-collapse', 'vector-field', 'ablation-solver'])
      expect(table(study)).not.toMatch(/undefined|NaN|null|Infinity/);
  });

  test('of a model that diverged is marked too', async () => {
    const { code } = await run(`vector-field ${smoke}`, {
      diverges: ({ config }) => config.method === 'structured' && config.analysis === undefined,
    });
    expect(code).toBe(exitCodes.failed);
    const marked = readResult('vector-field').points.filter(({ status }) => status === 'diverged');
    expect(marked.map(({ method }) => method)).toEqual(['structured']);
  });
});

describe('keeps what is finished', () => {
  test('a second run computes nothing and gives the same numbers', async () => {
    await run(smoke);
    const first = readResult();
    const { executor, stderr } = await run(smoke);
    expect(executor).toBeUndefined();
    expect(stderr).toContain('0 points to compute, 5 kept from before');
    expect(numbers(readResult())).toEqual(numbers(first));
    expect(readResult().seconds).toBe(first.seconds);
    // How the points were made is not what made the report again.
    expect(readResult()).toEqual(first);
  });

  test('more seeds add to what is there', async () => {
    await run(`${smoke} --seeds 2`);
    const { executor } = await run(`${smoke} --seeds 3`);
    expect(executor!.started).toHaveLength(5);
    expect(readResult().seeds).toEqual([0, 1, 2]);
  });

  test('--methods computes some methods now, with the dense model, and a later run the rest, to the same numbers', async () => {
    const { code, stderr, executor } = await run(`${smoke} --methods structured,control --out parts`);
    expect(code).toBe(exitCodes.ok);
    expect(stderr).toContain('3 points to compute, 2 of other methods left; ');
    expect(executor!.started).toHaveLength(3);
    const { partial, points } = readResult('gaussians', 'parts');
    expect(partial).toBeDefined();
    expect(points.map(({ method }) => method)).toEqual(['dense', 'structured', 'control']);
    expect((await run(`${smoke} --out parts`)).executor!.started).toHaveLength(2);
    await run(`${smoke} --out whole`);
    expect(numbers(readResult('gaussians', 'parts'))).toEqual(numbers(readResult('gaussians', 'whole')));
    expect(readResult('gaussians', 'parts').partial).toBeUndefined();
    // With --fresh what is not asked for stays.
    expect((await run(`${smoke} --methods random --fresh --out parts`)).executor!.started).toHaveLength(2);
    expect(readResult('gaussians', 'parts').partial).toBeUndefined();
  });

  test('a figure speaks of the control where it shows one', async () => {
    const density = (): string =>
      readFileSync(join(cwd, 'results', 'gaussians', 'figures', 'density-structured.svg'), 'utf8');
    await run(`${smoke} --methods structured`);
    expect(density()).not.toContain('control');
    await run(`${smoke} --methods control`);
    expect(density()).toContain('the control was trained as long as the flow pruned by 60 %');
  });

  test('--fresh computes everything again', async () => {
    await run(smoke);
    expect((await run(`${smoke} --fresh`)).executor!.started).toHaveLength(5);
  });

  test('an interrupted run says how to resume, exits with 130, and resumes to the numbers of an uninterrupted one', async () => {
    const interrupted = await run('--backend reference --workers 2', { interruptAt: 6 });
    expect(interrupted.code).toBe(exitCodes.interrupted);
    expect(interrupted.stderr.trimEnd().split('\n').at(-1)).toBe(
      'Interrupted; everything finished so far is kept. Resume with: pnpm reproduce --backend reference --workers 2',
    );
    const partial = readResult();
    expect(partial.partial).toEqual({ planned: 13, missing: expect.any(Array) as string[] });
    expect(partial.points.length + partial.partial!.missing.length).toBe(13);
    expect(partial.points.length).toBeGreaterThan(0);
    for (const name of ['gaussians/table.md', 'index.html'])
      expect(readFileSync(join(cwd, 'results', name), 'utf8')).toContain(`${partial.points.length} of 13 points`);
    const resumed = await run('--backend reference --workers 2');
    expect(resumed.code).toBe(0);
    expect(readResult().partial).toBeUndefined();
    expect(resumed.executor!.started.length).toBeLessThan(13);
    const { kept, runs, wallSeconds } = readResult().run;
    expect(kept).toBeGreaterThan(0);
    expect(runs).toBe(2);
    expect(wallSeconds).toBeGreaterThan(partial.run.wallSeconds);
    expect(readFileSync(join(cwd, 'results/gaussians/table.md'), 'utf8')).toContain('2 runs took');
    expect(resumed.executor!.started).toHaveLength(13 - kept);
    await run('--backend reference --out whole');
    expect(numbers(readResult())).toEqual(numbers(readResult('gaussians', 'whole')));
  });

  test('a finished point is trained again when its checkpoint is gone and its children need it', async () => {
    await run('--backend reference --workers 1', { interruptAt: 4 });
    const { executor } = await run('--backend reference', { checkpointsUsable: false });
    expect(executor!.started).toHaveLength(13);
  });

  test('a damaged point is named, left alone and computed again', async () => {
    await run(smoke);
    const directory = join(cwd, 'results', 'gaussians', 'points');
    const name = `${readResult().points[2]!.address}.json`;
    writeFileSync(join(directory, name), 'garbage');
    const { code, stderr, executor } = await run(smoke);
    expect(code).toBe(0);
    expect(stderr).toContain(`${join(directory, name)} cannot be used and is left alone`);
    expect(executor!.started).toHaveLength(1);
    expect(readFileSync(join(directory, name), 'utf8')).toBe('garbage');
  });

  test('a damaged result.json is set aside and made again, which is said once', async () => {
    await run(smoke);
    const first = readResult();
    const folder = join(cwd, 'results', 'gaussians');
    writeFileSync(join(folder, 'result.json'), '{');
    const { code, stderr, executor } = await run(smoke);
    expect([code, executor]).toEqual([0, undefined]);
    expect(stderr.match(/result\.json/g)).toHaveLength(1);
    expect(stderr).toMatch(
      /^warning: .*result\.json is damaged \(not JSON: .*\): it is kept as result\.damaged\.json, and/m,
    );
    expect(numbers(readResult())).toEqual(numbers(first));
    expect(readFileSync(join(folder, 'result.damaged.json'), 'utf8')).toBe('{');
    expect((await run(smoke)).stderr).not.toContain('warning');
  });

  test('a point without its artefact is evaluated again', async () => {
    await run(smoke);
    rmSync(join(cwd, 'results', 'gaussians', 'artefacts'), { recursive: true });
    expect((await run(smoke)).executor!.started.length).toBe(4);
    expect(existsSync(join(cwd, 'results', 'gaussians', 'artefacts'))).toBe(true);
  });
});

describe('divergence', () => {
  test('marks the point, keeps the others, and exits with 1', async () => {
    const { code, stderr } = await run(smoke, { diverges: ({ config }) => config.method === 'structured' });
    expect(code).toBe(exitCodes.failed);
    expect(stderr).toContain('diverged: gaussians seed 0 structured at prune ratio 0.6: the loss became NaN');
    const { points } = readResult();
    expect(points.map(({ status }) => status)).toEqual(['ok', 'ok', 'diverged', 'ok', 'ok']);
    expect(points[2]).toMatchObject({ reason: 'the loss became NaN', testNll: null });
  });

  test('of everything still gives a report', async () => {
    expect((await run(smoke, { diverges: () => true })).code).toBe(1);
    expect(readResult().points.every(({ status }) => status === 'diverged')).toBe(true);
    expect(readdirSync(join(cwd, 'results')).sort()).toContain('index.html');
  });

  test('is remembered, since it would happen again', async () => {
    await run(smoke, { diverges: ({ config }) => config.method === 'random' });
    const again = await run(smoke);
    expect(again.executor).toBeUndefined();
    expect(again.code).toBe(1);
  });
});

test('a failure of the program itself exits with 1, keeps what was finished and frees the directory', async () => {
  const { code, stderr } = await run(`${smoke} --workers 1`, { fails: ({ config }) => config.method === 'random' });
  expect(code).toBe(1);
  expect(stderr).toContain('gaussians seed 0 random 60 % is broken');
  expect((await run(smoke)).code).toBe(0);
  expect(readResult().run.kept).toBeGreaterThan(0);
});

describe('what is in the way of a file ends the run with one line', () => {
  test.each([
    ['index.html', 'directory', /index\.html: .* \(EISDIR\)\. To fix: move away the directory of that name, then run/],
    ['gaussians/table.md', 'directory', /table\.md: .* \(EISDIR\)\. To fix: move away the directory of that name/],
    [
      'gaussians/figures',
      'file',
      /figures: .* \(EEXIST\)\. To fix: move away what has that name and is not a directory/,
    ],
    ['gaussians/checkpoints', 'file', /checkpoints: .* \(EEXIST\)\. To fix: move away what has that name/],
    ['gaussians/points', 'file', /points: .* \(EEXIST\)\. To fix: move away what has that name/],
    ['gaussians', 'file', /gaussians\/.*: .* \(ENOTDIR\)\. To fix: move away the file that stands for a directory/],
  ])('%s, a %s', async (path, kind, message) => {
    await run(`spirals ${smoke}`);
    const inTheWay = join(cwd, 'results', path);
    rmSync(inTheWay, { force: true });
    if (kind === 'directory') mkdirSync(inTheWay, { recursive: true });
    else {
      mkdirSync(dirname(inTheWay), { recursive: true });
      writeFileSync(inTheWay, 'mine');
    }
    const { code, stderr } = await run(smoke);
    expect(code).toBe(exitCodes.failed);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^cannot write \//);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(message);
    if (kind === 'file') expect(readFileSync(inTheWay, 'utf8')).toBe('mine');
    rmSync(inTheWay, { recursive: true });
    expect((await run(smoke)).code).toBe(exitCodes.ok);
  });
});

describe('bad input exits with 2, says what to do in one line, and writes nothing', () => {
  test.each([
    ['gausians', /^unknown study 'gausians' \(did you mean 'gaussians'\?\)\. To fix: run `pnpm reproduce list`/],
    ['mnist --data-dir .', /^mnist: .*train-images.* are not there\. To fix: run 'pnpm datasets fetch mnist'/],
    ['table2 --data-dir .', /^power: .*power.data\.npy: .* are not there\. To fix: /],
    ['--budget huge', /^--budget huge is unknown\. To fix: use one of: smoke, quick, paper\.$/],
    ['--backend cuda', /^--backend cuda is unknown\. To fix: use one of: auto, native, wasm/],
    ['--backend tfjs-webgl', /^backend 'tfjs-webgl': WebGL needs a browser\. To fix: /],
    ['--backend tfjs-node-gpu', /^backend 'tfjs-node-gpu': .*To fix: /],
    ['--log loudly', /^--log loudly is unknown\. To fix: use one of: none, jsonl, tensorboard, both\.$/],
    ['--protocol mine', /^--protocol mine is unknown\. To fix: use one of: paper, converged\.$/],
    ['--seeds 0', /^--seeds 0 is too few\. To fix: use 1 or more\.$/],
    ['--seeds -3', /^--seeds -3 is not a whole number/],
    ['--seeds 3-2', /^--seeds 3-2 ends before it begins\. To fix: name the smaller seed first\.$/],
    ['--seeds 0-1000', /^--seeds 0-1000 is too many\. To fix: use 1000 or fewer\.$/],
    ['--seeds 2.5', /^--seeds 2\.5 is not a whole number/],
    [
      '--methods random,magic',
      /^--methods magic is unknown\. To fix: use one of: unstructured, structured, random, control\.$/,
    ],
    ['--methods dense', /^--methods dense is unknown/],
    ['--workers lots', /^--workers lots is not a whole number/],
    ['--workers 1000', /^--workers 1000 is too many\. To fix: use 256 or fewer\.$/],
    ['--data-dir nowhere', /^--data-dir .*nowhere is not a directory\. To fix: /],
    ['--bugdet smoke', /^unknown option '--bugdet'.*--budget.*To fix: see `pnpm reproduce --help`\.$/],
    ['--out', /^option '--out <dir>' argument missing\. To fix: /],
    ['list gaussians', /^list takes no studies/],
  ])('%s', async (line, message) => {
    const { code, stdout, stderr, executor } = await run(line);
    expect(stderr).toMatch(/^[^\n]*\n$/);
    expect(stderr.trimEnd()).toMatch(message);
    expect(code).toBe(exitCodes.usage);
    expect(stdout).toBe('');
    expect(executor).toBeUndefined();
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('a foreign --out', async () => {
    mkdirSync(join(cwd, 'photos'));
    writeFileSync(join(cwd, 'photos', 'cat.jpg'), '');
    const { code, stderr } = await run(`${smoke} --out photos`);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /photos holds files that are not results of this program \(cat\.jpg\)\. To fix: choose another --out/,
      ),
    ]);
    expect(readdirSync(join(cwd, 'photos'))).toEqual(['cat.jpg']);
  });

  test('a result.json of something else in the place of the study’s', async () => {
    await run(smoke);
    const path = join(cwd, 'results', 'gaussians', 'result.json');
    const other = readFileSync(path, 'utf8').replace('"study": "gaussians"', '"study": "spirals"');
    writeFileSync(path, other);
    for (const line of [smoke, `${smoke} --fresh`, `${smoke} --dry-run`]) {
      const { code, stderr, executor } = await run(line);
      expect(stderr).toMatch(/^[^\n]*result\.json is in the way: it is not the result of gaussians \(study: .*\n$/);
      expect([code, executor]).toEqual([exitCodes.usage, undefined]);
    }
    expect(readFileSync(path, 'utf8')).toBe(other);
  });
});

describe('--dry-run', () => {
  test('says what a run would take, and writes nothing', async () => {
    const { code, stdout, executor } = await run(`${smoke} --dry-run`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^5 trainings to compute, 0 points kept from before; smoke budget\.$/m);
    for (const word of ['steps ', 'NFE ', 'time ', 'memory ', 'disk ']) expect(stdout).toContain(word);
    expect(stdout).toContain(`Nothing was written to ${join(cwd, 'results')}.\n`);
    expect(executor).toBeUndefined();
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('of a study on files says that they were prepared', async () => {
    const dataDir = join(cwd, 'data');
    mkdirSync(join(dataDir, 'miniboone'), { recursive: true });
    writeFileSync(join(dataDir, 'miniboone/data.npy'), npyFile(60, 43));
    const { code, stdout } = await run(`miniboone ${smoke} --dry-run --data-dir data`);
    expect(code).toBe(0);
    expect(stdout).toContain(
      `written to ${join(cwd, 'results')}. The splits of data files are in the cache, where runs look for them.\n`,
    );
    expect(readdirSync(cwd)).toEqual(['data']);
    expect(readdirSync(elsewhere, { recursive: true }).map(String)).toContainEqual(
      expect.stringMatching(/train\.npy$/),
    );
  });

  test('counts what is there already, and is JSON if asked', async () => {
    await run(smoke);
    const before = readFileSync(join(cwd, 'results', 'index.html'), 'utf8');
    const { stdout } = await run(`${smoke} --seeds 2 --dry-run --json`);
    expect(JSON.parse(stdout)).toMatchObject({ kept: 5, trainings: 5, analyses: 0, backend: 'reference' });
    expect((await run(`${smoke} --dry-run`)).stdout).toContain('0 trainings to compute, 5 points kept');
    expect(readFileSync(join(cwd, 'results', 'index.html'), 'utf8')).toBe(before);
  });
});

describe('list', () => {
  test('shows studies, which of them can be run, and groups', async () => {
    const { code, stdout, stderr } = await run('list');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ {2}gaussians +NLL against prune ratio, densities$/m);
    expect(stdout).toMatch(/^ {2}mnist +images, bits per dimension$/m);
    expect(stdout).toMatch(/^ {2}figure4 +gaussians, gaussians-spiral, spirals$/m);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('with --json is JSON', async () => {
    const { stdout } = await run('list --json');
    expect((JSON.parse(stdout) as { studies: unknown[] }).studies).toHaveLength(20);
  });

  test('--help explains every option on standard output', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    for (const option of [
      '--budget',
      '--backend',
      '--protocol',
      '--seeds',
      '--workers',
      '--out',
      '--data-dir',
      '--json',
      '--fresh',
      '--log',
      '--dry-run',
      'merge',
      'report',
      'export',
    ])
      expect(stdout).toContain(option);
  });
});
