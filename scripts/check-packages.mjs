// `pnpm packages`: what a person gets who installs the packages. Packs each, checks its manifest (publint) and its types
// (attw), then installs all of them into an empty project and runs a small program there in plain Node: no bundler, no
// workspace, no TypeScript.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'sparseflow-'));
const tarballs = join(temporary, 'tarballs');
const project = join(temporary, 'project');

/** What the application that installs the packages brings along: backend-tfjs runs on the TensorFlow.js of its choice. */
const PEERS = ['@tensorflow/tfjs-core@4.22.0', '@tensorflow/tfjs-backend-cpu@4.22.0'];

function check(what, command, args, options) {
  try {
    execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: 'pipe', ...options });
    console.log(`ok      ${what}`);
  } catch (error) {
    console.log(`FAILED  ${what}\n${error.stdout}${error.stderr}`);
    process.exitCode = 1;
  }
}

try {
  mkdirSync(tarballs);
  mkdirSync(project);
  const node = process.execPath;
  check('pack', 'pnpm', ['-r', '--filter', './packages/*', 'pack', '--pack-destination', tarballs]);
  const files = readdirSync(tarballs).map((name) => join(tarballs, name));
  for (const file of files) {
    const name = file.replace(/^.*sparseflow-(.*)-\d+\.\d+\.\d+.*$/, '$1');
    check(`publint ${name}`, node, ['node_modules/publint/src/cli.js', 'run', file, '--strict']);
    check(`attw    ${name}`, node, ['node_modules/@arethetypeswrong/cli/dist/index.js', file, '--profile', 'esm-only']);
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=5', '--loglevel=error'];
  check('npm install in an empty project', 'npm', ['install', ...flags, ...files, ...PEERS], { cwd: project });
  copyFileSync(join(root, 'scripts/packed-program.mjs'), join(project, 'program.mjs'));
  check('a program in plain Node', node, ['program.mjs'], { cwd: project });
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
