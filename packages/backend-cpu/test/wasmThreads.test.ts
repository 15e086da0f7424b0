import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const source = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sparseflow-wasm-'));
const worker = join(folder, 'wasmWorker.js');

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  await build({
    entryPoints: [source('index.ts')],
    outfile: join(folder, 'index.js'),
    bundle: true,
    format: 'esm',
    conditions: ['@sparseflow/source'],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Runs a program in a process of its own with `product()`, the sum of a matrix product on 4 threads, which is EXPECTED;
 * `helped()`, whether a helper has used its stack; and `sleep`. Returns how it ended and what it printed.
 */
function program(
  body: string,
  script?: string,
): { status: number | null; stdout: string; stderr: string; seconds: number } {
  if (script === undefined) copyFileSync(source('wasmWorker.js'), worker);
  else writeFileSync(worker, script);
  const head = `
    import { createCpuBackend } from './index.js';
    let memory, stackOf;
    const { Memory, Instance } = WebAssembly;
    WebAssembly.Memory = function (limits) { return (memory = new Memory(limits)); };
    WebAssembly.Instance = function (module, imports) {
      const instance = new Instance(module, imports);
      ({ stackOf } = instance.exports);
      return instance;
    };
    const backend = createCpuBackend({ path: 'wasm', threads: 4 });
    const shape = [256, 256], dtype = 'float32';
    const values = Float32Array.from({ length: 65536 }, (_, i) => (i * 7) % 13);
    const x = { buffer: backend.upload(values, shape, dtype), shape, dtype };
    const product = () => {
      const buffer = backend.matMul(x, x, false, false, shape);
      const sum = backend.downloadSync({ buffer, shape, dtype }).reduce((a, b) => a + b);
      backend.dispose(buffer);
      return sum;
    };
    const helped = () => new Uint8Array(memory.buffer, stackOf(0), stackOf(3) - stackOf(0)).some((byte) => byte !== 0);
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const until = async (done) => { for (let i = 0; i < 2000 && !done(); i++) { product(); await sleep(1); } };
  `;
  writeFileSync(join(folder, 'program.js'), head + body);
  const start = performance.now();
  const result = spawnSync(process.execPath, [join(folder, 'program.js')], { encoding: 'utf8', timeout: 60_000 });
  return { ...result, seconds: (performance.now() - start) / 1000 };
}

const values = Array.from({ length: 65536 }, (_, i) => (i * 7) % 13);
/** Sums of whole numbers below 2^24 are exact in float32 up to the last sum, which is in float64 here and there. */
const EXPECTED = (() => {
  let total = 0;
  for (let k = 0; k < 256; k++) {
    let [column, row] = [0, 0];
    for (let i = 0; i < 256; i++) {
      column += values[i * 256 + k]!;
      row += values[k * 256 + i]!;
    }
    total += column * row;
  }
  return total;
})();

describe('WebAssembly helpers', () => {
  it('take parts, and never keep the process', () => {
    const { status, stdout, stderr } = program('await until(helped); console.log(helped(), product());');
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `true ${EXPECTED}\n`, stderr: '' });
    expect(program('await until(helped); process.exit(3)')).toMatchObject({ status: 3 });
    expect(program('console.log(product())')).toMatchObject({ status: 0, stdout: `${EXPECTED}\n` });
  });

  it('end with the worker that started them', () => {
    const { status, stdout } = program(`
      import { Worker, isMainThread, parentPort } from 'node:worker_threads';
      if (isMainThread) {
        const thread = new Worker(new URL(import.meta.url));
        thread.on('message', async (sum) => { await thread.terminate(); console.log(sum); });
      } else {
        await until(helped);
        parentPort.postMessage(product());
        setInterval(() => {}, 1000);
      }`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${EXPECTED}\n` });
  });

  // Three helpers that spun would use up to 500 ms times the number of cores.
  it('sleep while nothing is called', () => {
    const { stdout } = program(`
      await until(helped);
      await sleep(100);
      const before = process.cpuUsage();
      await sleep(500);
      const { user, system } = process.cpuUsage(before);
      console.log(user + system);`);
    expect(Number(stdout)).toBeLessThan(100_000);
  });

  it('lose no part in many short tasks in a row', () => {
    const { status, stdout } = program(`
      await until(helped);
      const long = { buffer: backend.upload(new Float32Array(32768).fill(5), [32768], dtype), shape: [32768], dtype };
      for (let i = 0; i < 5000; i++) {
        const buffer = backend.unary('square', long);
        const squares = backend.downloadSync({ ...long, buffer });
        if (!squares.every((v) => v === 25)) throw new Error('lost a part');
        backend.dispose(buffer);
      }
      console.log(backend.describe().threads);`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '4\n' });
  });
});

describe('without helpers', () => {
  it('that start: the others do their work', () => {
    const { status, stdout } = program(
      'await until(() => backend.describe().threads === 1); console.log(product(), backend.describe().reason)',
      'throw new Error("no thread to be had")',
    );
    const reason = 'it was asked for; 3 of 3 helper threads do not run (no thread to be had)';
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${EXPECTED} ${reason}\n` });
  });

  const overflowing = `
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ module, memory, thread }) => {
      const { exports } = new WebAssembly.Instance(module, { env: { memory, now: () => performance.now() } });
      exports.__stack_pointer.value = 0; // the first write to the stack traps
      try { exports.serve(thread); } catch { LAST }
    });`;
  const lost = `
    console.log(backend.describe().threads);
    await until(() => backend.describe().threads === 1);
    console.log(product(), backend.describe().reason);`;

  // A part that is never finished is given up after ten seconds.
  it.each([
    ['a trap', 'exports.abandon()', 0],
    ['anything', 'setInterval(() => {}, 1000)', 10],
  ])(
    'that were lost to %s in the middle of a part: one thread does the work again',
    (_, last, seconds) => {
      const ended = program(lost, overflowing.replace('LAST', last));
      const reason = 'it was asked for; one thread, since a helper was lost in the middle of its work';
      expect(ended).toMatchObject({ status: 0, stdout: `4\n${EXPECTED} ${reason}\n` });
      expect(ended.stderr).toContain('one thread, since a helper was lost');
      expect(ended.seconds).toBeGreaterThan(seconds);
    },
    60_000,
  );

  it('that could share memory: one thread, and a line that says so', () => {
    const { status, stdout, stderr } = program(`
      globalThis.SharedArrayBuffer = undefined;
      const alone = createCpuBackend({ path: 'wasm', threads: 4 }).describe();
      console.log(JSON.stringify(alone));`);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^@sparseflow\/backend-cpu: one thread, since without SharedArrayBuffer.*headers\)\n$/);
    expect(JSON.parse(stdout)).toMatchInlineSnapshot(`
      {
        "instructionSet": "simd128",
        "path": "wasm",
        "reason": "it was asked for; one thread, since without SharedArrayBuffer there are no more (the page is not cross-origin isolated: serve it with COOP and COEP headers)",
        "threads": 1,
      }
    `);
  });
});
