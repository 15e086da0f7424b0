import type { TypedArray } from '@sparseflow/tensor';
import { expect, it, vi } from 'vitest';
import { firstDifference } from '../../../test-support/bits.ts';
import { createCpuBackend } from '../src/index.ts';

const shape = [300, 300];
const dtype = 'float32';

function product(threads: number): { run: () => TypedArray; state: () => string } {
  const backend = createCpuBackend({ threads });
  const values = Float32Array.from({ length: 300 * 300 }, (_, i) => Math.sin(i));
  const x = { buffer: backend.upload(values, shape, dtype), shape, dtype } as const;
  return {
    run() {
      const buffer = backend.matMul(x, x, false, true, shape);
      const result = backend.downloadSync!({ buffer, shape, dtype });
      backend.dispose(buffer);
      return result;
    },
    state: () => JSON.stringify(backend.describe()),
  };
}

interface WebAssemblyInterface {
  Module: unknown;
  Memory: new (limits: object) => { readonly buffer: SharedArrayBuffer };
  Instance: new (module: object, imports: object) => { readonly exports: { stackOf(thread: number): number } };
}

/** A product, and whether anything was written to the helpers' stacks, which nobody else uses. */
function watched(threads: number): ReturnType<typeof product> & { helped: () => boolean } {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyInterface };
  const { Memory, Instance } = WebAssembly;
  const made: { memory?: InstanceType<typeof Memory>; instance?: InstanceType<typeof Instance> } = {};
  vi.stubGlobal('WebAssembly', {
    Module: WebAssembly.Module,
    Memory: function (limits: object) {
      return (made.memory = new Memory(limits));
    },
    Instance: function (module: object, imports: object) {
      return (made.instance = new Instance(module, imports));
    },
  });
  const result = product(threads);
  vi.unstubAllGlobals();
  const { buffer } = made.memory!;
  const { exports } = made.instance!;
  const [begin, end] = [exports.stackOf(0), exports.stackOf(threads - 1)];
  return { ...result, helped: () => new Uint8Array(buffer, begin, end - begin).some((byte) => byte !== 0) };
}

it('helpers take parts, and results are bit-identical for 1, 2 and 8 threads', async () => {
  const one = product(1).run();
  for (const threads of [2, 8]) {
    const { run, state, helped } = watched(threads);
    for (let i = 0; i < 500 && !helped(); i++) {
      run();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(helped(), state()).toBe(true);
    expect(firstDifference(run(), one)).toBe(undefined);
  }
});
