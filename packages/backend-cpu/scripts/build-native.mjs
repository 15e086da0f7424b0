// Compiles the native kernels with this machine's C++ compiler: `node scripts/build-native.mjs`. Nothing is downloaded. It never
// fails: without a compiler one line says what runs instead. What is up to date is left alone.
// With --install (the package's install script) it does nothing inside the workspace, where the `native` task builds.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FLAGS, VARIANTS } from './flags.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const native = join(root, 'native');
const output = join(root, 'build');
// Named after the machine, so that builds for several can lie side by side.
const name = `sparseflow-${process.platform}-${process.arch}`;
const addon = join(output, `${name}.node`);
const stampFile = join(output, `${name}.stamp`);

const GET_A_COMPILER =
  process.platform === 'darwin'
    ? 'xcode-select --install'
    : 'apt-get install g++ (or clang), or set CXX to your compiler';
const RERUN = `node ${process.argv[1]}`;

const LINK = {
  linux: ['-shared', '-pthread'],
  darwin: ['-bundle', '-undefined', 'dynamic_lookup'],
};

function findCompiler() {
  for (const command of [process.env.CXX, 'c++', 'g++', 'clang++']) {
    if (!command) continue;
    const [program, ...args] = command.split(' ');
    try {
      const version = execFileSync(program, [...args, '--version'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return { program, args, version };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

function skip(reason, remedy) {
  process.stderr.write(
    `@sparseflow/backend-cpu: native kernels not built (${reason}); WebAssembly runs instead. To build them: ${remedy}\n`,
  );
}

async function build() {
  const variants = VARIANTS[process.arch];
  const link = LINK[process.platform];
  if (!variants || !link)
    return skip(`no build for ${process.platform} ${process.arch}`, 'use Linux or macOS on x64 or arm64');
  const compiler = findCompiler();
  if (!compiler) return skip('no C++ compiler', `${GET_A_COMPILER}; then ${RERUN}`);
  const { default: headers } = await import('node-api-headers');

  const hash = createHash('sha256').update(
    JSON.stringify([FLAGS, variants, link, compiler, process.arch, process.version]),
  );
  for (const name of readdirSync(native).sort()) hash.update(name).update(readFileSync(join(native, name)));
  const stamp = hash.digest('hex');
  if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;

  mkdirSync(output, { recursive: true });
  const temporary = mkdtempSync(join(output, 'compile-'));
  const run = promisify(execFile);
  const compile = (args) => run(compiler.program, [...compiler.args, ...args]);
  try {
    const objects = await Promise.all([
      compileObject('addon', [`-I${headers.include_dir}`, join(native, 'addon.cpp')]),
      ...Object.entries(variants).map(([name, flags]) =>
        compileObject(name, [...flags, `-DSF_NAMESPACE=${name}`, join(native, 'kernels.cpp')]),
      ),
    ]);
    const linked = join(temporary, `${name}.node`);
    await compile([...link, '-o', linked, ...objects]);
    // A process that has the old file open keeps it: the new one takes its name, not its place.
    renameSync(linked, addon);
    writeFileSync(stampFile, stamp);
    process.stderr.write(`@sparseflow/backend-cpu: native kernels built (${Object.keys(variants).join(', ')})\n`);
  } catch (error) {
    rmSync(stampFile, { force: true });
    if (process.env.CI) process.stderr.write(String(error.stderr));
    skip(`the compiler failed: ${firstError(error)}`, `repair or update the compiler (C++20 is needed); then ${RERUN}`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }

  async function compileObject(name, args) {
    const object = join(temporary, `${name}.o`);
    await compile([...FLAGS, '-fPIC', '-fvisibility=hidden', '-c', '-o', object, ...args]);
    return object;
  }
}

function firstError({ stderr, message }) {
  const lines = String(stderr || message).split('\n');
  return (lines.find((line) => line.includes('error')) ?? lines[0]).trim();
}

const inWorkspace = existsSync(join(root, '../../pnpm-workspace.yaml'));
if (!(process.argv.includes('--install') && inWorkspace)) {
  await build().catch((error) => skip(error.message, RERUN));
}
