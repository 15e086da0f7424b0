import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './bundle.ts';

/** How the program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program under way. */
export interface Running {
  readonly ended: Promise<Ended>;
  /** Settles once standard error has said something, or the program has ended. */
  says(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** The program as it is run: a process with worker threads, in a folder of its own. */
export interface Program {
  readonly cwd: string;
  /** @param prefix a command that starts the program, such as one that limits what it may do. */
  start(line: string, prefix?: readonly string[]): Running;
  run(line: string, prefix?: readonly string[]): Promise<Ended>;
  /** Removes the program and its folder. */
  remove(): void;
}

/**
 * @param name of the test: tests that run at once have programs of their own.
 * @param studies a module that takes the place of the program's studies.
 */
export async function createProgram(name: string, studies?: URL): Promise<Program> {
  const bundle = fileURLToPath(new URL(`../.test-bundle-${name}`, import.meta.url));
  const program = await bundleProgram(bundle, studies);
  const cwd = mkdtempSync(join(tmpdir(), `${name}-`));
  const start: Program['start'] = (line, prefix = []) => {
    const [command, ...given] = [...prefix, process.execPath, program, ...line.split(' ')];
    const child = spawn(command!, given, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    const listeners = new Set<() => void>();
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      for (const listener of listeners) listener();
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
    const says = (pattern: RegExp): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (pattern.test(stderr)) resolve();
        };
        listeners.add(check);
        check();
        void ended.finally(resolve);
      });
    return { ended, says, kill: (signal) => void child.kill(signal) };
  };
  return {
    cwd,
    start,
    run: (line, prefix) => start(line, prefix).ended,
    remove() {
      rmSync(cwd, { recursive: true, force: true });
      rmSync(bundle, { recursive: true, force: true });
    },
  };
}
