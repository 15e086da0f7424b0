import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { decodeCheckpoint, encodeCheckpoint, readSafetensors } from '@sparseflow/optim';
import { mul } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { canonicalJson } from '../src/results/canonicalJson.ts';
import type { Result } from '../src/results/schema.ts';
import { resultSchema } from '../src/results/schema.ts';
import type { Program } from './program.ts';
import { createProgram } from './program.ts';
import { decodeTfEvents } from './tfevents.ts';

// What may go wrong in a run of hours, done to the program as it is run, on a real backend.
const smoke = 'gaussians --budget smoke --backend wasm';
let program: Program;
beforeAll(async () => {
  program = await createProgram('robustness');
  const { code, stderr } = await program.run(`${smoke} --workers 3 --out whole`);
  expect(stderr).toContain('Done in');
  expect(code).toBe(0);
}, 300_000);
afterAll(() => program.remove());

const at = (...path: string[]): string => join(program.cwd, ...path);
const resultIn = (out: string): Result =>
  v.parse(resultSchema, JSON.parse(readFileSync(at(out, 'gaussians', 'result.json'), 'utf8')));

/** Everything computed, to the last bit: the files of points (but for the time they took), what was drawn, and the trained parameters. */
function computed(out: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const folder of ['points', 'artefacts']) {
    for (const name of readdirSync(at(out, 'gaussians', folder))) {
      const text = readFileSync(at(out, 'gaussians', folder, name), 'utf8');
      files.set(`${folder}/${name}`, canonicalJson(JSON.parse(text.replace(/"seconds": [\d.e-]+/, '"seconds": 0'))));
    }
  }
  for (const name of readdirSync(at(out, 'gaussians', 'checkpoints'))) {
    const { tensors } = readSafetensors(readFileSync(at(out, 'gaussians', 'checkpoints', name)));
    for (const [tensor, { bytes }] of Object.entries(tensors))
      files.set(`${name} ${tensor}`, Buffer.from(bytes).toString('base64'));
  }
  return files;
}

/** Files that were being written when something happened. */
const halfWritten = (out: string): string[] =>
  readdirSync(at(out), { recursive: true, encoding: 'utf8' }).filter((name) => /\.tmp$|\.\d{5,}$/.test(name));

/** The steps that each point's logs say were taken, which must be the same in both. */
function loggedSteps(out: string): Map<string, number[]> {
  const folder = at(out, 'gaussians');
  const runs = readdirSync(join(folder, 'tensorboard'));
  return new Map(
    readdirSync(join(folder, 'logs')).map((name) => {
      const rows = readFileSync(join(folder, 'logs', name), 'utf8')
        .trimEnd()
        .split('\n');
      const parsed = rows.map((row) => JSON.parse(row) as { readonly type: string; readonly step: number });
      const events = runs
        .filter((run) => run.endsWith(name.slice(0, 8)))
        .flatMap((run) =>
          decodeTfEvents(readFileSync(join(folder, 'tensorboard', run, 'events.out.tfevents.sparseflow'))),
        );
      expect(events).toHaveLength(rows.length);
      return [name, parsed.filter(({ type }) => type === 'step').map(({ step }) => step)];
    }),
  );
}

/** How many steps a saved state has behind it; nothing for one whose writing was interrupted. */
function stepsIn(path: string): number[] {
  try {
    return [decodeCheckpoint(readFileSync(path), { backend: createReferenceBackend() }).cursor!.step];
  } catch {
    return [];
  }
}

test('the numbers do not depend on the number of workers', { timeout: 300_000 }, async () => {
  expect((await program.run(`${smoke} --workers 1 --out one`)).code).toBe(0);
  expect(computed('one')).toEqual(computed('whole'));
});

test(
  'killed in the middle of a training, it goes on from there, and gives the same bits and logs',
  { timeout: 300_000 },
  async () => {
    const line = `${smoke} --workers 1 --out killed`;
    const running = program.start(line);
    await running.says(/^\[1\/5/m);
    const checkpoints = at('killed', 'gaussians', 'checkpoints');
    const states = (): string[] => readdirSync(checkpoints).filter((name) => name.includes('.training.safetensors'));
    let over = false;
    void running.ended.then(() => (over = true));
    while (!over && !states().some((name) => name.includes('.latest.'))) await setTimeout(5);
    await setTimeout(Math.random() * 100);
    running.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    const killed = Date.now() / 1000;
    // A round may just have ended, which removes its state.
    const saved = states().flatMap((name) => stepsIn(join(checkpoints, name)));
    const [under = ''] = states().map((name) => name.slice(0, 32));
    // The report is of what was finished.
    const shown = resultIn('killed').points.length;
    expect(shown).toBeGreaterThanOrEqual(1);
    expect(readFileSync(at('killed', 'index.html'), 'utf8')).toContain(`${shown} of 5 points`);

    expect((await program.run(line)).code).toBe(0);
    expect(computed('killed')).toEqual(computed('whole'));
    expect(loggedSteps('killed')).toEqual(loggedSteps('whole'));
    // Steps that had been saved were not taken again.
    const rows =
      saved.length === 0
        ? []
        : readFileSync(at('killed', 'gaussians', 'logs', `${under}.jsonl`), 'utf8')
            .trimEnd()
            .split('\n');
    const kept = rows.map((row) => JSON.parse(row) as { type: string; step: number; time: number });
    const again = kept.filter(({ type, step, time }) => type === 'step' && step <= Math.max(...saved) && time > killed);
    expect(again).toEqual([]);
    expect(resultIn('killed').partial).toBeUndefined();
    expect(halfWritten('killed')).toEqual([]);
  },
);

describe('a full disk', () => {
  /** Checks what must hold wherever the disk filled up, then that a run with room gives the same bits. */
  async function endsWell(line: string, prefix: readonly string[], out: string, refusal: RegExp, makeRoom: () => void) {
    const { code, stderr } = await program.run(line, prefix);
    const last = stderr.trimEnd().split('\n').at(-1)!;
    expect(last).toMatch(refusal);
    expect(last).toContain('then run the same command again');
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(code).toBe(1);
    expect(halfWritten(out)).toEqual([]);
    makeRoom();
    expect((await program.run(line)).code).toBe(0);
    expect(computed(out)).toEqual(computed('whole'));
  }

  test('a limit on the size of files ends the run with one line, and it resumes', { timeout: 300_000 }, async () => {
    // 20 blocks of 1024 bytes: room for points and checkpoints, not for the arrays of a figure.
    const limited = ['bash', '-c', 'ulimit -f 20; exec "$@"', 'bash'];
    const line = `${smoke} --workers 2 --out limited`;
    await endsWell(line, limited, 'limited', /^cannot write \/.*: file too large/, () => undefined);
  });

  test.each([
    [
      'of the directory from the start',
      `${smoke} --out whole`,
      '',
      /^cannot write \/.*whole\/\.lock\.json: file too large/,
    ],
    ['of standard output', 'list --json', '> printed', /^cannot write standard output: file too large/],
  ])('%s is one line with what to do about it', { timeout: 60_000 }, async (_what, line, output, message) => {
    const { code, stderr } = await program.run(line, ['bash', '-c', `ulimit -f 0; exec "$@" ${output}`, 'bash']);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^[^\n]* To fix: raise the limit \(`ulimit -f`\), then run the same command again\.\n$/);
    expect(code).toBe(1);
    expect(readdirSync(at('whole')).filter((name) => name.startsWith('.lock'))).toEqual([]);
  });

  // A file system of its own needs the right to mount one, which root has, and others may have in a namespace of theirs.
  const canMount = process.platform === 'linux' && process.getuid?.() === 0;
  test.skipIf(!canMount)(
    `no space left ends the run with one line, and it resumes${canMount ? '' : ' (skipped: only root may mount a small disk)'}`,
    { timeout: 300_000 },
    async () => {
      mkdirSync(at('small'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'tmpfs', at('small')]);
      try {
        const line = `${smoke} --workers 2 --out small/results`;
        const makeRoom = (): void => void execFileSync('mount', ['-o', 'remount,size=64m', at('small')]);
        await endsWell(line, [], 'small/results', /^cannot write \/.*: no space left on device \(ENOSPC\)/, makeRoom);
      } finally {
        execFileSync('umount', [at('small')]);
      }
    },
  );
});

test('damaged checkpoints are named and left alone, and computed again', { timeout: 300_000 }, async () => {
  const line = `${smoke} --workers 1 --out damaged`;
  const running = program.start(line);
  await running.says(/^\[1\/5/m);
  await setTimeout(200);
  running.kill('SIGTERM');
  expect((await running.ended).code).toBe(130);
  const checkpoints = at('damaged', 'gaussians', 'checkpoints');
  // The dense flow that all others continue from, and the state of what was under way.
  const { address } = resultIn('damaged').points[0]!;
  const names = readdirSync(checkpoints).filter((name) => name.startsWith(address) || name.includes('.training.'));
  expect(names.length).toBeGreaterThanOrEqual(1);
  for (const name of names) {
    const bytes = readFileSync(join(checkpoints, name));
    bytes[bytes.length - 9]! ^= 4;
    writeFileSync(join(checkpoints, name), bytes);
  }
  writeFileSync(at('damaged', 'gaussians', 'points', 'shopping.txt'), 'milk');
  const { code, stderr } = await program.run(line);
  expect(code).toBe(0);
  for (const name of names) {
    expect(stderr).toContain(`${join(checkpoints, name)} cannot be used and is left alone`);
    expect(existsSync(join(checkpoints, name))).toBe(true);
    rmSync(join(checkpoints, name));
  }
  expect(stderr).toContain(`left alone in ${at('damaged')}: ${join('gaussians', 'points', 'shopping.txt')}`);
  expect(readFileSync(at('damaged', 'gaussians', 'points', 'shopping.txt'), 'utf8')).toBe('milk');
  rmSync(at('damaged', 'gaussians', 'points', 'shopping.txt'));
  const withoutNumber = (out: string): string[] =>
    [...computed(out).keys()].map((name) => name.replace(/\.1(?=\.(?:safetensors|json))/, ''));
  expect(withoutNumber('damaged').sort()).toEqual(withoutNumber('whole').sort());
  expect(resultIn('damaged').points.map(({ seconds: _seconds, ...point }) => point)).toEqual(
    resultIn('whole').points.map(({ seconds: _seconds, ...point }) => point),
  );
});

test('a damaged point is named and left alone, and computed again', { timeout: 120_000 }, async () => {
  cpSync(at('whole'), at('point'), { recursive: true });
  const { address } = resultIn('point').points.find(({ method }) => method === 'control')!;
  const path = at('point', 'gaussians', 'points', `${address}.json`);
  writeFileSync(path, '{"schema": 1');
  const { code, stderr } = await program.run(`${smoke} --workers 1 --out point`);
  expect(code).toBe(0);
  expect(stderr).toContain(`${path} cannot be used and is left alone: not JSON`);
  expect(stderr).toContain('1 points to compute, 4 kept from before');
  expect(readFileSync(path, 'utf8')).toBe('{"schema": 1');
  const numbers = (out: string) => resultIn(out).points.map(({ seconds: _seconds, ...point }) => point);
  expect(numbers('point')).toEqual(numbers('whole'));
});

test(
  'a point that diverges is marked with its reason, the others stay, and the run ends with 1',
  { timeout: 120_000 },
  async () => {
    cpSync(at('whole'), at('diverged'), { recursive: true });
    const { points } = resultIn('whole');
    const address = (method: string): string => points.find((point) => point.method === method)!.address;
    // What one point continues from has a field that is infinite; that point is to be computed again.
    const parent = at('diverged', 'gaussians', 'checkpoints', `${address('dense')}.safetensors`);
    const dense = decodeCheckpoint(new Uint8Array(readFileSync(parent)), { backend: createReferenceBackend() });
    const bias = 'layers.1.bias';
    const params = { ...dense.params, [bias]: mul(dense.params[bias]!, Infinity) };
    writeFileSync(parent, await encodeCheckpoint({ ...dense, params }));
    rmSync(at('diverged', 'gaussians', 'points', `${address('structured')}.json`));
    rmSync(at('diverged', 'gaussians', 'checkpoints', `${address('structured')}.safetensors`));

    const { code, stderr } = await program.run(`${smoke} --workers 1 --out diverged`);
    expect(stderr).toMatch(/^diverged: gaussians seed 0 structured at prune ratio 0\.6: \S/m);
    expect(code).toBe(1);
    const after = resultIn('diverged').points;
    expect(after.map(({ status }) => status)).toEqual(['ok', 'ok', 'diverged', 'ok', 'ok']);
    expect(after[2]).toMatchObject({ testNll: null, reason: expect.stringMatching(/\S/) as string });
    expect(readFileSync(at('diverged', 'index.html'), 'utf8')).toContain('diverged');
  },
);

test('results of a real run merge with their checkpoints and logs', { timeout: 120_000 }, async () => {
  const { code, stderr } = await program.run('merge whole --out merged');
  expect([code, stderr]).toEqual([0, expect.stringContaining('5 points taken over') as string]);
  expect(computed('merged')).toEqual(computed('whole'));
  expect(loggedSteps('merged')).toEqual(loggedSteps('whole'));
  const again = await program.run(`${smoke} --out merged`);
  expect(again.stderr).toContain('0 points to compute, 5 kept from before');
});

describe('what cannot be carried out ends with 2 and one line, and writes nothing', () => {
  afterEach(() => void vi.unstubAllEnvs());
  test.each([
    ['unknown study', 'gausians', /^unknown study 'gausians' \(did you mean 'gaussians'\?\)/],
    [
      'unusable backend',
      'gaussians --backend tfjs-webgl --out no',
      /^backend 'tfjs-webgl': WebGL needs a browser\. To fix: /,
    ],
    [
      'a missing data folder',
      'mnist --data-dir nowhere --out no',
      /^--data-dir .*nowhere is not a directory\. To fix: /,
    ],
    [
      'missing data files',
      'mnist --backend wasm --data-dir photos --out no',
      /^mnist: .*train-images.* are not there\. To fix: .*pnpm datasets fetch mnist/,
    ],
    [
      'something else in the place of a result',
      'gaussians --budget smoke --backend wasm --out broken',
      /result\.json is in the way: it is not the result of gaussians .*To fix: move it elsewhere/,
    ],
    ['a file in the way', 'gaussians --backend wasm --out whole/index.html', /^--out .* is not a directory\. To fix: /],
    [
      'a place that nobody may write to',
      'gaussians --backend wasm --out /proc/results',
      /^--out .* cannot be written .*To fix: /,
    ],
    [
      'somebody’s own files',
      'gaussians --backend wasm --out photos',
      /photos holds files that are not results .*\(cat\.jpg\)/,
    ],
  ])('%s', { timeout: 60_000 }, async (_what, line, message) => {
    mkdirSync(at('photos'), { recursive: true });
    writeFileSync(at('photos', 'cat.jpg'), '');
    cpSync(at('whole'), at('broken'), { recursive: true });
    writeFileSync(at('broken', 'gaussians', 'result.json'), '{"mine": true}');
    // No test finds the data sets of whoever runs it.
    vi.stubEnv('XDG_CACHE_HOME', at('no-cache'));
    const before = readdirSync(program.cwd, { recursive: true });
    const { code, stdout, stderr } = await program.run(line);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^[^\n]*\n$/);
    expect([code, stdout]).toEqual([2, '']);
    expect(readdirSync(program.cwd, { recursive: true })).toEqual(before);
    expect(readFileSync(at('broken', 'gaussians', 'result.json'), 'utf8')).toBe('{"mine": true}');
  });
});
