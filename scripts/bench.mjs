// `pnpm bench …`: builds what is out of date, then becomes the command line of packages/bench. Standard output belongs to that
// command line alone.
import { fileURLToPath } from 'node:url';
import { turbo } from './turbo.mjs';

if (await turbo('build', '@sparseflow/bench...')) {
  const cli = new URL('../packages/bench/dist/cli.js', import.meta.url);
  process.argv[1] = fileURLToPath(cli);
  await import(cli.href);
} else {
  process.exitCode = 1;
}
