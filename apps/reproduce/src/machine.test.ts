import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeCommit, describeVersions } from './machine.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'commit-'))));
afterEach(() => rmSync(directory, { recursive: true }));

test('the commit is the one that is checked out, and says whether files were changed since', () => {
  const git = (...line: string[]): string => execFileSync('git', line, { cwd: directory, encoding: 'utf8' }).trim();
  git('init', '--quiet');
  writeFileSync(join(directory, 'a'), '1');
  git('add', 'a');
  git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '--quiet', '-m', 'a');
  git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'tag', '-a', 'v1', '-m', 'v1');
  const commit = git('rev-parse', 'HEAD');
  expect(commit).toMatch(/^[0-9a-f]{40}$/);
  expect(describeCommit(directory)).toBe(commit);
  // Results that lie in the repository are no change of the program.
  writeFileSync(join(directory, 'results'), '');
  expect(describeCommit(directory)).toBe(commit);
  writeFileSync(join(directory, 'a'), '2');
  expect(describeCommit(directory)).toBe(`${commit}-dirty`);
});

test('outside a repository there is none', () => {
  expect(describeCommit(directory)).toBeUndefined();
});

test('versions have the commit of this program, where it is in a repository', () => {
  expect(describeVersions()['commit']).toBe(describeCommit(import.meta.dirname));
});
