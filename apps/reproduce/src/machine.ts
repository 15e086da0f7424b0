import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
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
  return {
    node: process.versions.node,
    reproduce: (require('../package.json') as { readonly version: string }).version,
    tfjs: (require('@tensorflow/tfjs-core/package.json') as { readonly version: string }).version,
  };
}
