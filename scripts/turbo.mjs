import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TOOLS = {
  turbo: 'turbo/bin/turbo',
  tsc: '@typescript/native/bin/tsc',
  vitest: 'vitest/vitest.mjs',
};

/** Runs a tool of the workspace from its root, without standard input: its exit status and, where piped, what it wrote. */
export function run(tool, args, { stdout = 'inherit', stderr = 'inherit', env } = {}) {
  const path = fileURLToPath(new URL(`../node_modules/${TOOLS[tool]}`, import.meta.url));
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const child = spawn(process.execPath, [path, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, stderr],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

/**
 * Runs the package script `task` in the packages that `filter` names (turbo's syntax; all of them without it), except where
 * nothing it depends on has changed, and returns whether that succeeded. Only standard error is written to: standard output
 * belongs to the caller.
 */
export async function turbo(task, filter) {
  const args = ['run', task, '--ui=stream', '--continue=dependencies-successful'];
  if (filter !== undefined) args.push(`--filter=${filter}`);
  const waiting = setTimeout(
    () => process.stderr.write(`${task}: working on what is out of date, up to a minute …\n`),
    1500,
  );
  const env = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' };
  const { status, output } = await run('turbo', args, { stdout: 'pipe', stderr: 'pipe', env });
  clearTimeout(waiting);
  // What a task says in the name of its package (what it could not use, and how to get it) is for the person at the terminal.
  const notes = [...output.matchAll(/^\S+: (@sparseflow\/\S+: .*)$/gm)].map(([, note]) => `${note}\n`);
  process.stderr.write(status === 0 ? notes.join('') : output);
  return status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = (await turbo(...process.argv.slice(2))) ? 0 : 1;
}
