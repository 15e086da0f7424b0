import type { Executor } from './run/executor.ts';
import type { ProgressStream } from './run/progress.ts';
import type { StopFlag } from './run/workerPool.ts';
import type { FileData, FoundData, Study } from './study.ts';

/** Exit codes: everything computed; a point diverged or something failed; the request cannot be carried out; interrupted. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What the program touches outside itself. */
export interface Surroundings {
  readonly cwd: string;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
  readonly studies: readonly Study[];
  /** Finds the files of a data set. @throws UsageError when they are missing or damaged */
  findData(name: FileData['name'], dataDir: string | undefined): Promise<FoundData>;
  /** Computes points, `size` at a time, until `stop` is raised. */
  createExecutor(size: number, stop: StopFlag): Executor;
  /** Whether a finished checkpoint can be continued from; asked before its children are trained. */
  canContinueFrom(checkpoints: string, address: string): boolean;
  /** Registers what to do when a person asks to stop; returns how to unregister it. */
  onInterrupt(handler: () => void): () => void;
}
