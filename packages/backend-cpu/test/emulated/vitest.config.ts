// This package's tests in a Node of another architecture: vitest runs as always, its workers run in the emulator. Started by
// scripts/check-arm64.mjs.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { ForksPoolWorker, type PoolOptions } from 'vitest/node';
import { source } from '../../../../test-support/source.ts';

/** A program that takes Node's arguments. */
const execPath = process.env['EMULATED_NODE'];
if (execPath === undefined) throw new Error('EMULATED_NODE is not set: run `node scripts/check-arm64.mjs`');

class EmulatedWorker extends ForksPoolWorker {
  override start(): Promise<void> {
    // What fork() starts unless it is told otherwise.
    const own = process.execPath;
    process.execPath = execPath!;
    const started = super.start();
    process.execPath = own;
    return started;
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  ...source,
  test: {
    environment: 'node',
    include: ['test/*.test.ts'],
    // Those of WebAssembly, and of scripts that run in any Node.
    exclude: ['test/*.browser.test.ts', 'test/wasmThreads.test.ts', 'test/buildNative.test.ts'],
    setupFiles: './test/emulated/setup.ts',
    testTimeout: 300_000,
    // The emulator takes a while to start Node.
    maxWorkers: 2,
    pool: { name: 'emulated', createPoolWorker: (options: PoolOptions) => new EmulatedWorker(options) },
  },
});
