import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDirectory, lockName } from './lock.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(directory, lockName);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The id of a process that was there and is gone. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('holds a directory until it is released', () => {
  const release = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(new RegExp(`in use by another run \\(process ${process.pid} on `));
  release();
  lockDirectory(directory)();
  expect(readdirSync(directory)).toEqual([]);
});

test('takes over the lock of a process that is gone', () => {
  writeFileSync(path, JSON.stringify({ pid: deadPid(), host: hostname() }));
  const release = lockDirectory(directory);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
  expect(readdirSync(directory)).toEqual([lockName]);
  release();
});

test('respects a lock of another machine, whose processes it cannot see', () => {
  writeFileSync(path, JSON.stringify({ pid: deadPid(), host: `not-${hostname()}` }));
  expect(() => lockDirectory(directory)).toThrow(/in use by another run/);
});

test('leaves a lock alone that it cannot read', () => {
  writeFileSync(path, 'half of a lo');
  expect(() => lockDirectory(directory)).toThrow(/unreadable lock.*To fix: .*delete/);
  expect(readFileSync(path, 'utf8')).toBe('half of a lo');
});

test.each([
  ['a directory', () => mkdirSync(path)],
  ['a link that leads nowhere', () => symlinkSync(join(directory, 'nowhere'), path)],
])('says that %s is in the way', (_what, put) => {
  put();
  expect(() => lockDirectory(directory)).toThrow(/\.lock\.json, the lock.* is not a file\. To fix: remove it/);
  expect(readdirSync(directory)).toEqual([lockName]);
});

test('does not remove a lock that somebody else has taken since', () => {
  const release = lockDirectory(directory);
  writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere' }));
  release();
  expect(existsSync(path)).toBe(true);
});
