// Runs the native kernels without Node under the address, undefined-behaviour and thread sanitizers, for every instruction set of
// this processor, and for NEON under an emulator: `node scripts/check-native.mjs`. Random calls, a third of them with a wrong size,
// are compared with the WebAssembly kernels, which the tests compare with the reference.
// Needs: apt-get install g++ g++-aarch64-linux-gnu qemu-user. What is missing is named; with CI=true that is an error.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLAGS, VARIANTS } from './flags.mjs';
import { randomCalls } from './randomCalls.mjs';

const native = fileURLToPath(new URL('../native', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'sparseflow-check-'));
/** Of each build: other ones, 15,000 in all, of which two thirds run. */
const CALLS = 5_000;

const host = VARIANTS[process.arch] ?? { baseline: [] };
// To optimise checks of addresses takes longer than it saves; with those of threads it is the other way round.
// What is emulated is what is shipped.
const ADDRESS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-O0', '-g1'];
const THREAD = ['-fsanitize=thread', '-O1', '-g1'];
const builds = [
  { name: 'address and undefined behaviour', compiler: 'g++', flags: ADDRESS, variants: host, runner: [] },
  { name: 'threads', compiler: 'g++', flags: THREAD, variants: host, runner: [] },
  {
    name: 'NEON, emulated',
    compiler: 'aarch64-linux-gnu-g++',
    flags: ['-static'],
    variants: VARIANTS.arm64,
    runner: ['qemu-aarch64'],
  },
];

function exists(command) {
  return spawnSync(command, ['--version']).status === 0;
}

function compile({ compiler, flags, variants }, program) {
  const all = [...FLAGS, ...flags];
  const objects = Object.entries(variants).map(([name, own]) => {
    const object = join(temporary, `${name}.o`);
    execFileSync(compiler, [...all, ...own, `-DSF_NAMESPACE=${name}`, '-c', '-o', object, join(native, 'kernels.cpp')]);
    return object;
  });
  execFileSync(compiler, [...all, '-pthread', '-o', program, join(native, 'check.cpp'), ...objects]);
}

/** The largest difference of a result, relative to the largest finite entry of its call; Infinity for a wrong NaN. */
function compare(output, calls) {
  let at = 0;
  let worst = 0;
  for (const { expected } of calls) {
    const ran = output.readInt32LE(at) === 1;
    at += 4;
    if (ran !== (expected !== undefined)) return Infinity;
    if (!ran) continue;
    const size = (v) => (Number.isFinite(v) ? Math.abs(v) : 0);
    const scale = Math.max(1e-3, ...expected.map((array) => array.reduce((m, v) => Math.max(m, size(v)), 0)));
    for (const array of expected) {
      for (let i = 0; i < array.length; i++, at += 4) {
        const actual = output.readFloatLE(at);
        if (actual === array[i] || (Number.isNaN(actual) && Number.isNaN(array[i]))) continue;
        const error = Math.abs(actual - array[i]) / scale;
        if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
      }
    }
  }
  return at === output.length ? worst : Infinity;
}

try {
  for (const [i, build] of builds.entries()) {
    const missing = [build.compiler, ...build.runner].filter((command) => !exists(command));
    if (missing.length > 0) {
      process.stderr.write(`not run: ${build.name}, because ${missing.join(' and ')} is missing\n`);
      if (process.env.CI === 'true') process.exitCode = 1;
      continue;
    }
    const program = join(temporary, 'check');
    compile(build, program);
    const { input, calls } = randomCalls(CALLS, 20261122 + i);
    for (const set of Object.keys(build.variants)) {
      const [command, ...args] = [...build.runner, program, set, '4'];
      const { status, stdout, stderr } = spawnSync(command, args, { input, maxBuffer: 2 ** 31 });
      if (status === 3) {
        console.log(`${build.name}, ${set}: this processor does not have it`);
        continue;
      }
      // Multiply-add rounds once where WebAssembly rounds twice.
      const error = status === 0 ? compare(stdout, calls) : Infinity;
      const ok = error < 2e-5;
      console.log(
        `${build.name}, ${set}: ${CALLS} calls, largest difference ${error.toExponential(1)}: ${ok ? 'ok' : 'FAILED'}`,
      );
      if (!ok) {
        process.stderr.write(stderr);
        process.exitCode = 1;
      }
    }
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
