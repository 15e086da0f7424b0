import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sampleArtefact, sampleResult } from '../../test/sample.ts';
import { fakeMeasured } from '../../test/fakeExecutor.ts';
import { planStudy } from '../plan.ts';
import { pointOf } from '../result.ts';
import { gaussians } from '../studies/gaussians.ts';
import { inspectDirectory, markerName, openStore } from './store.ts';
import type { Store } from './store.ts';

const planned = planStudy(gaussians, { budget: 'smoke', protocol: 'paper', seeds: [0], backend: 'reference' })[0]!;
const point = pointOf(planned, { status: 'ok', measured: fakeMeasured(planned), seconds: 1.5 });
const artefact = sampleArtefact(0.2, 0.1, true);

let directory: string;
let warnings: string[];
let store: Store | undefined;
const open = (): Store => (store = openStore(directory, (line) => warnings.push(line)));
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'store-')), 'out');
  warnings = [];
});
afterEach(() => {
  store?.close();
  store = undefined;
  rmSync(join(directory, '..'), { recursive: true });
});
const resultPath = (): string => join(directory, 'gaussians', 'result.json');
const pointPath = (suffix = ''): string => join(directory, 'gaussians', 'points', `${planned.address}${suffix}.json`);

describe('points', () => {
  test('come back as they were saved, artefacts to the last bit', () => {
    open().savePoint(planned, point, artefact);
    expect(store!.loadPoint(planned)).toEqual(point);
    expect(store!.loadArtefact(planned)).toEqual(artefact);
    expect(warnings).toEqual([]);
  });

  test('are unknown until they are saved', () => {
    expect(open().loadPoint(planned)).toBeUndefined();
    expect(store!.loadArtefact(planned)).toBeUndefined();
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, text.length / 2), /not JSON/],
    ['empty', () => '', /not JSON/],
    ['of another format', () => '{"schema":2}', /schema/],
    [
      'of another configuration',
      (text: string) => text.replace('"seed": 0', '"seed": 1'),
      /does not belong to its name/,
    ],
    [
      'with a share beyond 1',
      (text: string) => text.replace('"keepRatio": 1,\n    "parameters"', '"keepRatio": 2,\n    "parameters"'),
      /keepRatio/,
    ],
  ])('that are %s are named, left alone, and replaced beside', (_how, damage, reason) => {
    open().savePoint(planned, point, undefined);
    const damaged = damage(readFileSync(pointPath(), 'utf8'));
    writeFileSync(pointPath(), damaged);

    expect(store!.loadPoint(planned)).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    expect(warnings[0]).toContain(pointPath());
    store!.savePoint(planned, point, undefined);
    expect(readFileSync(pointPath(), 'utf8')).toBe(damaged);
    expect(existsSync(pointPath('.1'))).toBe(true);
    expect(store!.loadPoint(planned)).toEqual(point);
    // Named once, however often it is met.
    expect(warnings).toHaveLength(1);
  });

  test('leave no temporary file behind', () => {
    open().savePoint(planned, point, artefact);
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name).sort()).toEqual(
      ['.lock.json', markerName, `${planned.address}.json`, `${planned.address}.json`].sort(),
    );
  });
});

describe('studies', () => {
  const figures = new Map([['nll', { svg: '<svg/>', png: new Uint8Array([1, 2, 3]) }]]);

  test('come back with their figures, in order of name', () => {
    open().saveStudy({ ...sampleResult(1), study: 'spirals' }, '# table', figures);
    store!.saveStudy(sampleResult(3), '# table', figures);
    const found = store!.results();
    expect(found.map(({ study }) => study)).toEqual(['gaussians', 'spirals']);
    expect(found[0]!.result).toEqual(sampleResult(3));
    expect([...found[0]!.figures]).toEqual([['nll', '<svg/>']]);
    expect(readFileSync(join(directory, 'gaussians', 'table.md'), 'utf8')).toBe('# table');
    expect([...readFileSync(join(directory, 'gaussians', 'figures', 'nll.png'))]).toEqual([1, 2, 3]);
  });

  test('that cannot be read are named and left out of the page', () => {
    open().saveStudy(sampleResult(1), '', figures);
    mkdirSync(join(directory, 'notes'));
    writeFileSync(join(directory, 'notes', 'result.json'), '{"mine": true}');
    expect(store!.results().map(({ study }) => study)).toEqual(['gaussians']);
    expect(warnings).toEqual([expect.stringContaining(join('notes', 'result.json'))]);
    expect(readFileSync(join(directory, 'notes', 'result.json'), 'utf8')).toBe('{"mine": true}');
  });
});

describe('inspectDirectory', () => {
  test('accepts a directory that is not there, or empty, or ours, and writes nothing', () => {
    inspectDirectory(directory, ['gaussians']);
    expect(existsSync(directory)).toBe(false);
    mkdirSync(directory);
    inspectDirectory(directory, ['gaussians']);
    expect(readdirSync(directory)).toEqual([]);
    open();
    inspectDirectory(directory, ['gaussians']);
  });

  test('refuses other people’s files', () => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'thesis.tex'), 'years of work');
    expect(() => inspectDirectory(directory, [])).toThrow(
      /holds files that are not results of this program \(thesis.tex\)\. To fix: choose another --out/,
    );
    expect(readdirSync(directory)).toEqual(['thesis.tex']);
  });

  test.each(['', '{}', '{"format":"something-else","schema":1}'])('is not fooled by a marker that says %j', (text) => {
    mkdirSync(directory);
    writeFileSync(join(directory, markerName), text);
    expect(() => inspectDirectory(directory, [])).toThrow(/not results of this program/);
  });

  test('refuses a file, and a path through a file', () => {
    writeFileSync(directory, 'a file');
    expect(() => inspectDirectory(directory, [])).toThrow(/is not a directory/);
    expect(() => inspectDirectory(join(directory, 'below'), [])).toThrow(/not a directory|cannot be written/);
  });

  test.each([
    ['another schema', () => writeFileSync(resultPath(), '{"schema": 2, "study": "gaussians"}'), /schema: /],
    ['another study', () => writeFileSync(resultPath(), '{"schema": 1, "study": "spirals"}'), /study: /],
    ['no result at all', () => writeFileSync(resultPath(), 'null'), /Object/],
    ['a directory', () => mkdirSync(resultPath()), /EISDIR/],
  ])(
    'refuses to replace %s in the place of the result of a study it is to run, and only of those',
    (_what, put, why) => {
      open();
      mkdirSync(join(directory, 'gaussians'));
      put();
      const inspect = (): void => inspectDirectory(directory, ['gaussians']);
      expect(inspect).toThrow(
        /result\.json is in the way: it is not the result of gaussians .*To fix: move it elsewhere/,
      );
      expect(inspect).toThrow(why);
      expect(() => store!.claimResults(['gaussians'])).toThrow(why);
      inspectDirectory(directory, ['spirals']);
    },
  );

  test('accepts a damaged result, which can be made again', () => {
    open().saveStudy(sampleResult(1), '', new Map());
    writeFileSync(resultPath(), '{"schema": 1, "study"');
    inspectDirectory(directory, ['gaussians']);
    expect(readFileSync(resultPath(), 'utf8')).toBe('{"schema": 1, "study"');
  });
});

/** Root may write anywhere, so it gives its rights up for a moment; anybody else has none to give up. */
function withoutPrivileges(run: () => void): void {
  if (process.geteuid!() !== 0) return run();
  process.seteuid!(65534);
  try {
    run();
  } finally {
    process.seteuid!(0);
  }
}

describe('a directory that cannot be written is a usage error', () => {
  test('for want of permission', () => {
    mkdirSync(directory);
    chmodSync(join(directory, '..'), 0o755);
    chmodSync(directory, 0o555);
    withoutPrivileges(() => expect(open).toThrow(/cannot be written \(.*EACCES\)\. To fix: choose another --out/));
    expect(readdirSync(directory)).toEqual([]);
  });

  test('and is given back, for want of permission in it', () => {
    mkdirSync(join(directory, 'gaussians'), { recursive: true });
    chmodSync(join(directory, '..'), 0o755);
    chmodSync(directory, 0o777);
    chmodSync(join(directory, 'gaussians'), 0);
    withoutPrivileges(() => expect(open).toThrow(/cannot be written \(.*EACCES\)\. To fix: choose another --out/));
    chmodSync(join(directory, 'gaussians'), 0o755);
    expect(readdirSync(directory).sort()).toEqual([markerName, 'gaussians']);
  });

  test('for a name longer than any file system takes', () => {
    const parent = directory;
    directory = join(parent, 'x'.repeat(300));
    expect(open).toThrow(/cannot be written \(ENAMETOOLONG\)\. To fix: choose another --out/);
    directory = parent;
  });
});
