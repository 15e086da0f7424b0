// `pnpm lint …`: ESLint, folder by folder: one process would keep the types of every package in memory, which is more than Node's heap
// holds. Arguments go to ESLint.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './turbo.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = ['packages', 'apps'].flatMap((parent) =>
  readdirSync(join(root, parent))
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(root, folder, 'package.json'))),
);
const others = ['.', ...['packages', 'apps', 'examples'].flatMap((folder) => ['--ignore-pattern', `${folder}/**`])];

for (const what of [...packages.map((folder) => [folder]), ['examples'], others]) {
  const { status } = await run('eslint', [...what, '--max-warnings', '0', ...process.argv.slice(2)]);
  if (status !== 0) process.exitCode = 1;
}
