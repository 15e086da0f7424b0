// `pnpm datasets …`: builds what is out of date, then becomes the command line of packages/datasets.
import { turbo } from './turbo.mjs';

if (await turbo('build', '@sparseflow/datasets...')) {
  await import(new URL('../packages/datasets/dist/node/cli.js', import.meta.url).href);
} else {
  process.exitCode = 1;
}
