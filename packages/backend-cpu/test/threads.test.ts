import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/native.ts';

const addon = loadAddon();
const file = fileURLToPath(new URL(`../build/sparseflow-${process.platform}-${process.arch}.node`, import.meta.url));

/** Runs a program in a process of its own, with `square(x)` on 8 threads; returns what it prints. */
function program(body: string): { status: number | null; signal: string | null; stdout: string } {
  const head = `
    const run = require(${JSON.stringify(file)}).open('baseline', 8);
    const x = new Float32Array(1e6).fill(3);
    const square = () => { const y = new Float32Array(1e6); run(6, Float64Array.of(6), [y, x]); return y[999999]; };`;
  return spawnSync(process.execPath, ['-e', head + body], { encoding: 'utf8', timeout: 20_000 });
}

describe.runIf('open' in addon)('helper threads', () => {
  it('do not keep the process', () => {
    expect(program('console.log(square())')).toMatchObject({ status: 0, stdout: '9\n' });
    expect(program('console.log(square()); process.exit(3)')).toMatchObject({ status: 3, stdout: '9\n' });
  });

  it('end with the worker that started them', () => {
    const { status, stdout } = program(`
      const { Worker } = require('node:worker_threads');
      const code = 'const run = require(' + ${JSON.stringify(JSON.stringify(file))} + ').open("baseline", 4); ' +
        'const x = new Float32Array(1e5).fill(2), y = new Float32Array(1e5); run(6, Float64Array.of(6), [y, x]); ' +
        'require("node:worker_threads").parentPort.postMessage(y[7]); setInterval(() => {}, 1000);';
      let left = 4;
      for (let i = 0; i < 4; i++) {
        const worker = new Worker(code, { eval: true });
        worker.on('message', async (value) => { await worker.terminate(); console.log(value); if (--left === 0) console.log(square()); });
      }`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '4\n4\n4\n4\n9\n' });
  });

  // Eight threads that spun would use up to 500 ms times the number of cores.
  it('sleep while nothing is called', () => {
    const { stdout } = program(`
      square();
      setTimeout(() => {
        const before = process.cpuUsage();
        setTimeout(() => { const { user, system } = process.cpuUsage(before); console.log(user + system); }, 500);
      }, 100);`);
    expect(Number(stdout)).toBeLessThan(100_000);
  });

  it('lose no part in many short tasks in a row', () => {
    const { status, stdout } = program(`
      const small = new Float32Array(32768).fill(5), out = new Float32Array(32768);
      const numbers = Float64Array.of(6), arrays = [out, small];
      for (let i = 0; i < 20000; i++) { out[32767] = 0; run(6, numbers, arrays); if (out[32767] !== 25) throw new Error('lost a part'); }
      console.log(out[0]);`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '25\n' });
  });
});
