// `pnpm playground …`: builds what is out of date, then serves the page. Arguments go to `vite preview`: --port, --host, --open.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { turbo } from './turbo.mjs';

if (await turbo('build', 'playground...')) {
  const cwd = fileURLToPath(new URL('../apps/playground', import.meta.url));
  const vite = fileURLToPath(new URL('../apps/playground/node_modules/vite/bin/vite.js', import.meta.url));
  const server = spawn(process.execPath, [vite, 'preview', ...process.argv.slice(2)], { cwd, stdio: 'inherit' });
  // Ctrl-C reaches both; what is sent to this process alone must be handed on.
  process.on('SIGTERM', () => server.kill());
  server.on('exit', (status) => (process.exitCode = status ?? 0));
} else {
  process.exitCode = 1;
}
