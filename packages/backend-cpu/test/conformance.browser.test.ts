import { registerConformance } from '@sparseflow/tensor/conformance';
import { describe, expect, it } from 'vitest';
import { createCpuBackend, describeCpu } from '../src/index.ts';

describe('in a browser', () => {
  it('WebAssembly is chosen', () => {
    expect(describeCpu()).toMatchObject({ path: 'wasm', instructionSet: 'simd128', threads: 1 });
  });

  registerConformance({ describe, it }, () => createCpuBackend(), { dtypes: ['float32', 'float64'], exceptions: [] });
});
