// Compiles the kernels to WebAssembly and writes src/wasmModule.ts, which is committed so that nobody needs these tools to use or
// build the package: `node scripts/build-wasm.mjs`. With --check it only says whether the committed module is what the sources
// give. Tools: apt-get install clang lld (version 14, Debian 12: another version gives other, equally good bytes).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const native = join(root, 'native');
const target = join(root, 'src/wasmModule.ts');
const TOOLS = ['clang++-14', 'wasm-ld-14'];
const REMEDY = 'apt-get install clang lld (Debian 12)';

const FLAGS = [
  ...[
    '--target=wasm32',
    '-std=c++20',
    '-O3',
    '-msimd128',
    '-mbulk-memory',
    '-matomics',
    '-mmutable-globals',
    '-ffreestanding',
    '-fno-exceptions',
    '-fno-rtti',
  ],
  ...['-fno-math-errno', '-fno-trapping-math', '-fvisibility=hidden', '-nostdlib', '-DSF_NAMESPACE=simd128'],
];
// The stack first: a stack that overflows then traps instead of writing over the data.
const LINK = [
  ...['--no-entry', '--stack-first', '-z', 'stack-size=262144', '--strip-all', '--gc-sections'],
  ...['--import-memory', '--shared-memory', '--max-memory=2147483648', '--export=__stack_pointer'],
];

function compile() {
  const temporary = mkdtempSync(join(tmpdir(), 'sparseflow-wasm-'));
  try {
    const objects = ['kernels', 'wasm'].map((name) => {
      const object = join(temporary, `${name}.o`);
      execFileSync(TOOLS[0], [...FLAGS, '-c', '-o', object, `${name}.cpp`], { cwd: native });
      return object;
    });
    const linked = join(temporary, 'sparseflow.wasm');
    execFileSync(TOOLS[1], [...LINK, '-o', linked, ...objects]);
    return readFileSync(linked);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The sources that the module is made of. */
function sourceHash() {
  const hash = createHash('sha256').update(JSON.stringify([FLAGS, LINK]));
  for (const name of readdirSync(native).sort()) {
    if (!['addon.cpp', 'check.cpp', 'machine.hpp', 'threads.hpp'].includes(name))
      hash.update(name).update(readFileSync(join(native, name)));
  }
  return hash.digest('hex');
}

/** Where the import of the memory says that it is shared: env, memory, a memory, with a maximum and shared. */
function sharedFlag(bytes) {
  const at = bytes.indexOf('\x03env\x06memory\x02\x03', 'latin1');
  if (at === -1) throw new Error('the module does not import a shared memory');
  return at + 12;
}

function text(bytes) {
  const base64 = bytes.toString('base64');
  return `// Written by scripts/build-wasm.mjs from native/ (SHA-256 of the sources: ${sourceHash().slice(0, 16)}); do not edit.
// prettier-ignore
export const wasmModule = '${base64}';

/** The byte of the module that says which memory it imports: 3 for shared memory, 1 for any other. */
export const SHARED_FLAG = ${sharedFlag(bytes)};
`;
}

try {
  const module = text(compile());
  if (!process.argv.includes('--check')) {
    writeFileSync(target, module);
    process.stderr.write(`src/wasmModule.ts written, ${(module.length / 1000).toFixed(0)} kB\n`);
  } else if (readFileSync(target, 'utf8') !== module) {
    process.stderr.write('src/wasmModule.ts is not what native/ gives. To fix: node scripts/build-wasm.mjs\n');
    process.exitCode = 1;
  } else {
    process.stderr.write('src/wasmModule.ts is what native/ gives\n');
  }
} catch (error) {
  const missing = error.code === 'ENOENT';
  process.stderr.write(
    missing ? `${error.path} is not installed. To get it: ${REMEDY}\n` : `${error.stderr ?? error}\n`,
  );
  process.exitCode = 1;
}
