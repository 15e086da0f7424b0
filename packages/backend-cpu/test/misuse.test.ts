import { BackendError, DisposedTensorError, dualMlp, tensor, ValueError } from '@sparseflow/tensor';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createCpuBackend, describeCpu, measurePeak } from '../src/index.ts';
import { loadAddon } from '../src/native.ts';
import type { Kernels, Operation } from '../src/operations.ts';
import { startWasm } from '../src/wasm.ts';

const addon = loadAddon();
const compiled: { name: string; kernels: Kernels }[] = [
  ...('open' in addon ? addon.instructionSets.map((name) => ({ name, kernels: addon.open(name, 2) })) : []),
  { name: 'wasm', kernels: startWasm(2) as Kernels },
];

interface Arguments {
  readonly operation: Operation;
  readonly numbers: number[];
  readonly sizes: number[];
}

const small = fc.integer({ min: 0, max: 9 });
const positive = fc.integer({ min: 1, max: 9 });

/** Calls whose sizes fit. */
const valid: fc.Arbitrary<Arguments> = fc.oneof(
  fc
    .tuple(
      fc.boolean(),
      small,
      small,
      fc.integer({ min: 0, max: 6 }),
      fc.array(positive, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 0, max: 7 }),
    )
    .map(([reverse, batch, count, activation, widths, flags]): Arguments => {
      const layers = widths.slice(1).map((out, l) => [widths[l]!, out, flags] as const);
      const vectors = (flags & 1) + ((flags >> 1) & 1) + (flags >> 2);
      const tensors = layers.flatMap(([into, out]) => [into * out, ...new Array<number>(vectors).fill(out)]);
      const inputs = [batch * widths[0]!, batch * widths[0]! * count];
      const outputs = [batch * widths.at(-1)!, batch * widths.at(-1)! * count];
      return {
        operation: reverse ? 'dualMlpVjp' : 'dualMlp',
        numbers: [batch, widths[0]!, count, activation, ...layers.flat()],
        sizes: reverse
          ? [...inputs, ...tensors, ...outputs, ...inputs, ...tensors]
          : [...outputs, ...inputs, ...tensors],
      };
    }),
  fc
    .record({
      adjoint: fc.boolean(),
      output: fc.boolean(),
      batch: small,
      count: fc.integer({ min: 0, max: 3 }),
      dim: positive,
      hidden: fc.array(positive, { maxLength: 2 }),
      stages: fc.integer({ min: 2, max: 5 }),
      bias: fc.boolean(),
    })
    .map(({ adjoint, output, batch, count, dim, hidden, stages, bias }): Arguments => {
      const widths = [dim, ...hidden, dim];
      const layers = widths.slice(1).map((out, l) => [widths[l]!, out, Number(bias)] as const);
      const tensors = layers.flatMap(([into, out]) => [into * out, ...(bias ? [out] : [])]);
      const moving = adjoint ? [batch * dim, batch, batch * dim] : [batch * dim, batch];
      const probes = batch * dim * count;
      const results = [...moving, ...moving, ...moving, ...(output ? moving : [])];
      const weights = new Array<number>((stages * (stages - 1)) / 2 + stages).fill(0.5);
      const inside = output ? [1, ...new Array<number>(stages).fill(0.25)] : [0];
      return {
        operation: adjoint ? 'dualMlpAdjointStep' : 'dualMlpStep',
        numbers: [stages, 0.1, 1, ...weights, ...inside, batch, dim, count, 0, ...layers.flat()],
        sizes: adjoint
          ? [
              ...results,
              ...tensors,
              ...tensors,
              ...moving,
              ...moving,
              batch,
              probes,
              ...tensors,
              ...tensors,
              ...tensors,
            ]
          : [...results, ...moving, ...moving, probes, ...tensors],
      };
    }),
  fc
    .tuple(small, small, small, small, fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 }))
    .map(([batch, m, n, k, a, b]): Arguments => ({
      operation: 'matMul',
      numbers: [batch, m, n, k, a, b],
      sizes: [batch * m * n, batch * m * k, batch * k * n],
    })),
  fc.tuple(positive, small).map(([terms, n]): Arguments => ({
    operation: 'linearCombination',
    numbers: new Array<number>(terms).fill(0.5),
    sizes: new Array<number>(terms + 1).fill(n),
  })),
  fc.array(small, { minLength: 1, maxLength: 3 }).map((sizes): Arguments => ({
    operation: 'scaledErrorNorm',
    numbers: [1e-3, 1e-3],
    sizes: [1, ...sizes, ...sizes, ...sizes],
  })),
  fc.tuple(small, fc.boolean()).map(([n, mask]): Arguments => ({
    operation: 'adamUpdate',
    numbers: new Array<number>(9).fill(0.5),
    sizes: new Array<number>(mask ? 8 : 7).fill(n),
  })),
  fc
    .tuple(fc.integer({ min: 0, max: 17 }), small)
    .map(([op, n]): Arguments => ({ operation: 'unary', numbers: [op], sizes: [n, n] })),
  small.map((n): Arguments => ({ operation: 'affine', numbers: [2, 3], sizes: [n, n] })),
  fc.tuple(fc.integer({ min: 0, max: 9 }), small, small, fc.boolean()).map(([op, outer, inner, rows]): Arguments => ({
    operation: 'binary',
    numbers: [op, outer, inner, inner, 1, rows ? 1 : 0, rows ? 0 : 1],
    sizes: [outer * inner, outer * inner, rows ? outer : inner],
  })),
  fc.tuple(small, small).map(([outer, inner]): Arguments => ({
    operation: 'select',
    numbers: [outer, inner, 0, 1, inner, 1, 0, 0],
    sizes: [outer * inner, inner, outer * inner, 1],
  })),
  fc
    .tuple(small, small, small)
    .map(([a, b, c]): Arguments => ({ operation: 'sum', numbers: [a, b, c], sizes: [a * c, a * b * c] })),
  fc.tuple(small, small, small, fc.integer({ min: 0, max: 1 })).map(([a, b, c, largest]): Arguments => ({
    operation: 'extreme',
    numbers: [a, b, c, largest],
    sizes: [a * c, a * b * c],
  })),
  fc.tuple(small, small, small, fc.boolean()).map(([a, b, c, zeros]): Arguments => ({
    operation: 'copy',
    // Two of them transposed, one behind the other.
    numbers: [
      3,
      Number(zeros),
      0,
      0,
      a,
      b * c,
      1,
      b,
      c,
      a * c,
      c,
      1,
      a,
      a * b * c,
      0,
      a,
      b * c,
      1,
      b,
      c,
      a * c,
      c,
      1,
      a,
    ],
    sizes: [2 * a * b * c, a * b * c, a * b * c],
  })),
  // The array of indices is given its first value by the test: 1, whose bits are an index far out of range.
  fc.tuple(small, positive, small).map(([outer, rows, inner]): Arguments => ({
    operation: 'gather',
    numbers: [outer, rows, 0, inner],
    sizes: [0, outer * rows * inner, 0],
  })),
);

/** One number or size replaced, or one entry removed. */
const spoiled: fc.Arbitrary<Arguments> = fc
  .tuple(
    valid,
    fc.boolean(),
    fc.nat(),
    fc.constantFrom(-1, 0, 1, 2, 5, 0.5, Number.NaN, Infinity, 2 ** 31 - 1, 2 ** 31, 1e12, undefined),
  )
  .map(([call, inNumbers, where, value]) => {
    const list = inNumbers ? [...call.numbers] : [...call.sizes];
    const at = where % list.length;
    if (value === undefined) list.splice(at, 1);
    else
      list[at] = inNumbers
        ? value
        : Math.max(0, Math.min(list[at]! + (Number.isFinite(value) ? Math.trunc(value) : 1), 1000));
    return inNumbers ? { ...call, numbers: list } : { ...call, sizes: list };
  });

/** Runs a call on arrays that lie in one memory with known numbers between them: a write outside of one shows. */
function runs(kernels: Kernels, { operation, numbers, sizes }: Arguments): boolean {
  const gap = 16;
  const memory = new Float32Array(sizes.reduce((a, b) => a + b + gap, gap)).fill(-777);
  let next = gap;
  const arrays = sizes.map((n) => {
    const array = memory.subarray(next, next + n).fill(1);
    next += n + gap;
    return array;
  });
  let ran = true;
  try {
    kernels.call(operation, numbers, arrays, []);
  } catch (error) {
    expect(error).toBeInstanceOf(BackendError);
    ran = false;
  }
  arrays.forEach((array) => array.fill(-777));
  expect(memory.every((v) => v === -777)).toBe(true);
  return ran;
}

describe.each(compiled)('calls of $name', ({ kernels }) => {
  it('run when sizes fit', () => {
    fc.assert(
      fc.property(valid, (call) => runs(kernels, call)),
      { numRuns: 3000, seed: 20261122 },
    );
  });

  it('run within their arrays or throw when they do not', () => {
    let refused = 0;
    fc.assert(
      fc.property(spoiled, (call) => void (refused += Number(!runs(kernels, call)))),
      { numRuns: 5000, seed: 20261122 },
    );
    expect(refused).toBeGreaterThan(2000);
  });
});

describe('createCpuBackend', () => {
  it('takes the fastest path and says so', () => {
    expect(describeCpu({ threads: 2 })).toEqual(
      'open' in addon
        ? { path: 'native', threads: 2, instructionSet: addon.instructionSets[0], reason: 'it is the fastest' }
        : { path: 'wasm', threads: 2, instructionSet: 'simd128', reason: addon.reason },
    );
    expect(createCpuBackend({ path: 'wasm', threads: 4 }).describe()).toEqual({
      path: 'wasm',
      instructionSet: 'simd128',
      threads: 4,
      reason: 'it was asked for',
    });
    expect(createCpuBackend({ path: 'reference' })).toMatchObject({ name: 'reference' });
  });

  it('goes on to the next path, with one line, where native kernels are missing or of another version', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const builtin = vi.spyOn(process, 'getBuiltinModule');
    const addonIs = (load: () => unknown): void => {
      builtin.mockImplementation((name: string) =>
        name === 'node:module' ? { createRequire: () => load } : { availableParallelism: () => 2 },
      );
    };
    addonIs(() => {
      throw Object.assign(new Error('not there'), { code: 'MODULE_NOT_FOUND' });
    });
    expect(createCpuBackend().describe().path).toBe('wasm');
    addonIs(() => {
      throw new Error('wrong ELF class\nmore');
    });
    expect(createCpuBackend().name).toBe('wasm');
    expect(() => createCpuBackend({ path: 'native' })).toThrow(BackendError);
    addonIs(() => ({ interfaceVersion: 0 }));
    expect(createCpuBackend().name).toBe('wasm');
    vi.stubGlobal('WebAssembly', undefined);
    expect(createCpuBackend().describe()).toMatchObject({ path: 'reference', threads: 1, instructionSet: 'none' });
    expect(warn.mock.calls.map(([line]) => String(line).replace(/; to compile.*?compiler\)/, '…')))
      .toMatchInlineSnapshot(`
        [
          "@sparseflow/backend-cpu: runs on 'wasm': the native kernels are not compiled…",
          "@sparseflow/backend-cpu: runs on 'wasm': the native kernels do not load (wrong ELF class)…",
          "@sparseflow/backend-cpu: runs on 'wasm': the native kernels are of another version (interface 0 instead of 9)…",
          "@sparseflow/backend-cpu: runs on 'reference': the native kernels are of another version (interface 0 instead of 9)…; there is no WebAssembly here",
        ]
      `);
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it('says how many threads run where the system starts fewer than asked for', () => {
    const builtin = vi.spyOn(process, 'getBuiltinModule');
    const granted = Object.assign(() => undefined, { threads: 3 });
    const addon = { interfaceVersion: 9, instructionSets: () => ['avx2'], open: () => granted };
    builtin.mockImplementation(() => ({ createRequire: () => () => addon }));
    expect(describeCpu({ threads: 8 })).toEqual({
      path: 'native',
      instructionSet: 'avx2',
      threads: 3,
      reason: 'it is the fastest; the system starts no more than that of 8 threads',
    });
    vi.restoreAllMocks();
  });

  it.runIf('open' in loadAddon())('measures the peak of as many threads as there may be', () => {
    expect(measurePeak({ path: 'native', threads: 256 })).toBeGreaterThan(0);
  });

  it('refuses what it cannot do', () => {
    expect(() => createCpuBackend({ threads: 0 })).toThrow(ValueError);
    expect(() => createCpuBackend({ threads: 1.5 })).toThrowErrorMatchingInlineSnapshot(
      `[ValueError: createCpuBackend: threads is 1.5. To fix: give a whole number from 1 to 256.]`,
    );
    expect(() => createCpuBackend({ instructionSet: 'avx9' as 'avx2' })).toThrow(BackendError);
    expect(() => createCpuBackend({ path: 'wasm', instructionSet: 'avx2' })).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: backend 'cpu': wasm, avx2 is not available: WebAssembly has no 'avx2'. To fix: ask for another path or instruction set, or for none.]`,
    );
  });

  it('a disposed tensor is an error', () => {
    const backend = createCpuBackend();
    const [x, dx] = [tensor([[1, 2]], { backend }), tensor([[[1, 2]]], { backend })];
    const weight = tensor([[1, 2]], { backend });
    const view = { buffer: x.buffer, shape: [2], dtype: 'float32' } as const;
    weight.dispose();
    expect(() => dualMlp(x, dx, [{ weight }], 'tanh')).toThrow(DisposedTensorError);
    x.dispose();
    expect(() => backend.fused!['linearCombination']!([view], [1], [view])).toThrow(DisposedTensorError);
    expect(() => backend.unary('exp', view)).toThrowErrorMatchingInlineSnapshot(
      `[DisposedTensorError: exp: a tensor of shape [2] was used after it was disposed. To fix: return it from the scope that created it, or dispose it later.]`,
    );
  });
});
