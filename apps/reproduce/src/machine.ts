import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { Machine } from './results/schema.ts';

const require = createRequire(import.meta.url);

/** What the numbers of this run were computed on. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || 'unknown CPU',
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    platform: `${platform()} ${arch()}`,
  };
}

/** Versions that can change the numbers or the figures. */
export function describeVersions(): Record<string, string> {
  const commit = describeCommit(dirname(require.resolve('../package.json')));
  return {
    ...(commit === undefined ? {} : { commit }),
    node: process.versions.node,
    reproduce: (require('../package.json') as { readonly version: string }).version,
    tfjs: (require('@tensorflow/tfjs-core/package.json') as { readonly version: string }).version,
  };
}

/**
 * The commit that a directory is of, such as `6f6a69c…`, with `-dirty` behind it where tracked files have been changed since; undefined
 * without git or outside a repository.
 */
export function describeCommit(directory: string): string | undefined {
  try {
    const line = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
    return execFileSync('git', line, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
