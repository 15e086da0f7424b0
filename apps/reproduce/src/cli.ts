import { findData } from './data/findData.ts';
import { describeError, exitCodes, main } from './main.ts';
import { canContinueFrom } from './numerics/checkpoints.ts';
import { createWorkerPool } from './run/workerPool.ts';
import { studies } from './studies/index.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

// With a handler, a file that grows beyond the limit of the shell is refused as on a full disk; without one the system ends the program.
process.on('SIGXFSZ', () => undefined);

// What cannot be printed is known only after it was written. A reader that closes early, such as head, has all that it wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`${describeError(Object.assign(error, { path: 'standard output' }))}\n`);
  process.exitCode = exitCodes.failed;
});

const code = await main(process.argv.slice(2), {
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  studies,
  // Beside this file once both are built.
  createExecutor: (size, stop) => createWorkerPool(new URL('worker.js', import.meta.url), size, stop),
  findData,
  canContinueFrom,
  onInterrupt(handler) {
    let asked = false;
    const onSignal = (): void => {
      if (asked) {
        // The bars hide the cursor. Every file is written whole, so ending in the middle of anything leaves nothing half-written.
        if (process.stderr.isTTY) process.stderr.write('\u001b[?25h\n');
        process.exit(130);
      }
      asked = true;
      handler();
    };
    for (const signal of signals) process.on(signal, onSignal);
    return () => signals.forEach((signal) => process.off(signal, onSignal));
  },
});
process.exitCode ??= code;
