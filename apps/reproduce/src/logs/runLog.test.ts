import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeTfEvents } from '../../test/tfevents.ts';
import { logFiles } from './files.ts';
import { openRunLog } from './runLog.ts';
import type { LogRow, RunLog } from './runLog.ts';

let base: string;
let warnings: string[];
const point = { address: 'a'.repeat(32), label: 'gaussians seed 0 unstructured 58.6 %' };
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'logs-'));
  warnings = [];
});
afterEach(() => rmSync(base, { recursive: true }));

let clock = 1000;
const files = () => logFiles(base, point, 'both') as { readonly jsonl: string; readonly events: string };
const open = (): RunLog =>
  openRunLog(
    files(),
    { label: point.label },
    (path, reason) => warnings.push(`${path}: ${reason}`),
    () => (clock += 0.5),
  );
const jsonl = (path = files().jsonl) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const step = (k: number, loss = 2 - k / 10): LogRow => ({ type: 'step', step: k, values: { loss } });
const epoch = (k: number): LogRow => ({ type: 'epoch', step: k, values: { loss: 1.5, validationNll: undefined } });
const result = (k: number): LogRow => ({ type: 'result', step: k, values: { testNll: 1.25 }, notes: { status: 'ok' } });

/** What is in both logs, which must agree. */
function logged(): string[] {
  const lines = jsonl().map(({ type, step: at }) => (type === 'run' ? 'run' : `${type as string} ${at as number}`));
  const events = decodeTfEvents(readFileSync(files().events)).map(({ step: at, scalars, version }) =>
    version === undefined ? `${Object.keys(scalars)[0]!.split('/')[0]!} ${at}` : 'run',
  );
  expect(events).toEqual(lines);
  return lines;
}

test('rows come back from both files, decoded by code of its own', () => {
  const log = open();
  [step(1, 1.75), step(2, 1.5), epoch(2), result(2)].forEach((row) => log.add(row));
  log.flush();
  expect(logged()).toEqual(['run', 'step 1', 'step 2', 'epoch 2', 'result 2']);
  expect(jsonl()[0]).toMatchObject({ type: 'run', label: point.label });
  expect(jsonl()[1]).toEqual({ type: 'step', step: 1, loss: 1.75, time: expect.any(Number) as number });
  expect(jsonl()[4]).toMatchObject({ testNll: 1.25, status: 'ok' });
  const events = decodeTfEvents(readFileSync(files().events));
  expect(events[0]!.version).toBe('brain.Event:2');
  expect(events.slice(1).map(({ scalars }) => scalars)).toEqual([
    { 'step/loss': 1.75 },
    { 'step/loss': 1.5 },
    { 'epoch/loss': 1.5 },
    { 'result/testNll': 1.25 },
  ]);
  expect(events.map(({ wallTime }) => wallTime)).toEqual(jsonl().map(({ time }) => time));
});

test('TensorBoard shows the run under a name that says what it is', () => {
  expect(files().events).toBe(
    join(base, 'tensorboard', 'gaussians-seed-0-unstructured-58.6-aaaaaaaa', 'events.out.tfevents.sparseflow'),
  );
  // The pattern by which TensorBoard finds its files.
  expect(files().events).toMatch(/tfevents/);
  expect(logFiles(base, point, 'none')).toEqual({});
  expect(Object.keys(logFiles(base, point, 'jsonl'))).toEqual(['jsonl']);
  expect(Object.keys(logFiles(base, point, 'tensorboard'))).toEqual(['events']);
});

test('nothing is written before a flush, and nothing at all without a row', () => {
  const log = open();
  log.flush();
  log.add(step(1));
  expect(existsSync(files().jsonl)).toBe(false);
  log.flush();
  expect(logged()).toEqual(['run', 'step 1']);
});

describe('a log that is resumed', () => {
  const begun = (...rows: LogRow[]): void => {
    const log = open();
    rows.forEach((row) => log.add(row));
    log.flush();
  };
  test.each([
    [
      'further back than it got',
      [step(1), step(2), epoch(2), step(3)],
      step(3),
      ['run', 'step 1', 'step 2', 'epoch 2', 'step 3'],
    ],
    ['before an epoch it has', [step(1), step(2), epoch(2), step(3)], step(2), ['run', 'step 1', 'step 2']],
    ['from the beginning', [step(1), step(2)], step(1), ['run', 'step 1']],
    ['right after its end', [step(1), step(2)], step(3), ['run', 'step 1', 'step 2', 'step 3']],
    ['with an epoch only', [step(1), step(2)], epoch(2), ['run', 'step 1', 'step 2', 'epoch 2']],
    ['with its result again', [step(1), result(1)], result(1), ['run', 'step 1', 'result 1']],
    ['with training again', [step(1), step(2), result(2)], step(2), ['run', 'step 1', 'step 2']],
  ] as [string, LogRow[], LogRow, string[]][])('%s has each row once', (_where, before, next, expected) => {
    begun(...before);
    begun(next);
    expect(logged()).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test.each([1, 7, 20])('is cut off where it was half-written: %i bytes short', (short) => {
    begun(step(1), step(2));
    for (const path of Object.values(files())) {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.subarray(0, bytes.length - short));
    }
    begun(step(2));
    expect(logged()).toEqual(['run', 'step 1', 'step 2']);
  });
});

test('a foreign file in its place is named and left alone', () => {
  for (const path of Object.values(files())) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'dear diary\n');
  }
  const log = open();
  log.add(step(1));
  log.flush();
  for (const path of Object.values(files())) {
    expect(readFileSync(path, 'utf8')).toBe('dear diary\n');
    expect(readdirSync(dirname(path))).toHaveLength(2);
  }
  expect(warnings).toEqual([
    `${files().jsonl}: it does not begin as a log does`,
    `${files().events}: it does not begin as a log does`,
  ]);
  expect(jsonl(files().jsonl.replace('.jsonl', '.1.jsonl'))).toHaveLength(2);
});

test('a number that JSON does not know is null there, and itself for TensorBoard', () => {
  const log = open();
  log.add(step(1, NaN));
  log.flush();
  expect(jsonl()[1]).toMatchObject({ loss: null });
  expect(decodeTfEvents(readFileSync(files().events))[1]!.scalars).toEqual({ 'step/loss': NaN });
});
