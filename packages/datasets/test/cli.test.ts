import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './realData.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cli = fileURLToPath(new URL('../src/node/cli.ts', import.meta.url));

// A process takes about a second to start, several on a busy machine.
test('whose reader has gone, as `head` does, ends without a word', { timeout: 120_000 }, async () => {
  const args = ['--import', 'tsx', '--conditions=@sparseflow/source', cli, 'list', '--data-dir', temporaryFolder()];
  const program = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  program.stdout.destroy();
  const [said, [code]] = await Promise.all([text(program.stderr), once(program, 'close')]);
  expect([said, code]).toEqual(['', 0]);
});
