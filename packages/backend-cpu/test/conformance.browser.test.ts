import { registerConformance } from '@sparseflow/tensor/conformance';
import { describe, expect, it, vi } from 'vitest';
import { createCpuBackend, describeCpu } from '../src/index.ts';

describe('in a browser', () => {
  it('WebAssembly is chosen, with threads where memory can be shared', () => {
    expect(globalThis).toMatchObject({ crossOriginIsolated: true });
    expect(describeCpu({ threads: 4 })).toMatchObject({ path: 'wasm', instructionSet: 'simd128', threads: 4 });
    vi.stubGlobal('crossOriginIsolated', false);
    expect(describeCpu({ threads: 4 })).toMatchInlineSnapshot(`
      {
        "instructionSet": "simd128",
        "path": "wasm",
        "reason": "native kernels need Node 20.16 or later; one thread, since without SharedArrayBuffer there are no more (the page is not cross-origin isolated: serve it with COOP and COEP headers)",
        "threads": 1,
      }
    `);
    vi.unstubAllGlobals();
  });

  describe.each([1, 2])('on %i threads', (threads) => {
    registerConformance({ describe, it }, () => createCpuBackend({ threads }), {
      dtypes: ['float32', 'float64'],
      exceptions: [],
    });
  });
});
