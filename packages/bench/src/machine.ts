import { availableParallelism, cpus } from 'node:os';
import type { Report } from './report.ts';

/** What the numbers were measured on. */
export function describeMachine(): Report['machine'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  };
}
