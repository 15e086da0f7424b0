import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrExplain } from '../../../test-support/environment.ts';
import { readSafetensors, writeSafetensors, type RawTensor, type SafetensorsDType } from './safetensors.ts';

const SIZES: Record<SafetensorsDType, number> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

const rawTensor: fc.Arbitrary<RawTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(SIZES) as SafetensorsDType[])),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((n, axis) => n * axis, SIZES[dtype]);
    // A BOOL is 0 or 1.
    const max = dtype === 'BOOL' ? 1 : 255;
    return fc
      .array(fc.integer({ min: 0, max }), { minLength: length, maxLength: length })
      .map((values) => ({ dtype, shape, bytes: Uint8Array.from(values) }));
  });
const name = fc.string({ unit: 'binary' }).filter((s) => s !== '__metadata__');
const files = fc.record({
  tensors: fc.dictionary(name, rawTensor, { maxKeys: 5 }),
  metadata: fc.dictionary(name, fc.string({ unit: 'binary' }), { maxKeys: 3 }),
});

/** A file from its parts, right or wrong. */
function assemble(header: unknown, dataBytes: number, length?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  out.set(json, 8);
  return out;
}

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('round trip', () => {
  test('gives the same tensors and metadata', () => {
    fc.assert(
      fc.property(files, (file) => {
        const read = readSafetensors(writeSafetensors(file));
        const plain = (tensors: Readonly<Record<string, RawTensor>>) =>
          Object.entries(tensors)
            .map(([key, { dtype, shape, bytes }]) => [key, dtype, [...shape], [...bytes]])
            .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
        expect(plain(read.tensors)).toEqual(plain(file.tensors));
        expect(new Map(Object.entries(read.metadata))).toEqual(new Map(Object.entries(file.metadata)));
      }),
    );
  });

  test('reads a view at any offset of a larger buffer', () => {
    const file = writeSafetensors({ tensors: { a: { dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) } } });
    const larger = new Uint8Array(file.length + 5).fill(255);
    larger.set(file, 3);
    expect([...readSafetensors(larger.subarray(3, 3 + file.length)).tensors['a']!.bytes]).toEqual([1, 2, 3]);
  });

  test('aligns every tensor to its elements, and does not depend on the order given', () => {
    fc.assert(
      fc.property(files, ({ tensors }) => {
        const bytes = writeSafetensors({ tensors });
        for (const { dtype, bytes: view } of Object.values(readSafetensors(bytes).tensors)) {
          expect(view.byteOffset % SIZES[dtype]).toBe(0);
        }
        const reversed = Object.fromEntries(Object.entries(tensors).reverse());
        expect(writeSafetensors({ tensors: reversed })).toEqual(bytes);
      }),
    );
  });

  test('an empty file', () => {
    expect(readSafetensors(writeSafetensors({ tensors: {} }))).toEqual({ tensors: {}, metadata: {} });
  });
});

describe('what is not a safetensors file is refused', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /0 bytes are too few/],
    ['header cut off', assemble({}, 0).subarray(0, 9), /said to have 2 bytes, 1 follow/],
    ['absurd header length', assemble({}, 0, 2 ** 53), /said to have 9007199254740992 bytes/],
    ['not JSON', assemble('{"a":', 0), /not JSON/],
    ['not UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /not JSON in UTF-8/],
    ['no object', assemble('[]', 0), /not a JSON object/],
    ['metadata of numbers', assemble({ __metadata__: { a: 1 } }, 0), /__metadata__/],
    ['metadata no object', assemble({ __metadata__: null }, 0), /__metadata__/],
    ['entry no object', assemble({ a: 3 }, 0), /entry of 'a'/],
    ['unknown type', assemble({ a: { ...f32(0, 4), dtype: 'Q4' } }, 4), /element type "Q4"/],
    ['inherited name as type', assemble({ a: { ...f32(0, 4), dtype: 'toString' } }, 4), /element type/],
    ['negative axis', assemble({ a: f32(0, 4, [-1]) }, 4), /natural numbers/],
    ['fractional axis', assemble({ a: f32(0, 4, [0.5]) }, 4), /natural numbers/],
    ['three offsets', assemble({ a: { ...f32(0, 4), data_offsets: [0, 4, 8] } }, 4), /natural numbers/],
    ['shape and span differ', assemble({ a: f32(0, 8, [3]) }, 8), /spans 8 bytes, F32 of shape \[3\] needs 12/],
    ['end before begin', assemble({ a: f32(4, 0, [0]) }, 4), /spans -4 bytes/],
    ['huge shape', assemble({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4), /spans 4 bytes/],
    ['overlap', assemble({ a: f32(0, 8), b: f32(4, 12) }, 12), /'b' starts at byte 4 of the data, where 8/],
    ['hole', assemble({ a: f32(0, 4), b: f32(8, 12) }, 12), /'b' starts at byte 8 of the data, where 4/],
    ['late start', assemble({ a: f32(4, 8) }, 8), /'a' starts at byte 4/],
    ['out of bounds', assemble({ a: f32(0, 8) }, 4), /take 8 bytes, the file has 4/],
    ['bytes left over', assemble({ a: f32(0, 4) }, 8), /take 4 bytes, the file has 8/],
  ])('%s', (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(message);
    expect(() => readSafetensors(bytes)).toThrow(expect.objectContaining({ code: 'SAFETENSORS' }));
  });

  test('nor written', () => {
    const bytes = new Uint8Array(8);
    expect(() =>
      writeSafetensors({ tensors: { a: { dtype: 'F32', shape: [3], bytes } } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[SafetensorsError: safetensors: 'a' has 8 bytes, F32 of shape [3] needs 12. To fix: give bytes and shape of the same tensor.]`,
    );
    expect(() => writeSafetensors({ tensors: { __metadata__: { dtype: 'F32', shape: [2], bytes } } })).toThrow(/named/);
  });
});

/** `PYTHON` chooses another interpreter than the one on the path. */
const python = process.env['PYTHON'] ?? 'python3';
const hasSafetensors = spawnSync(python, ['-c', 'import numpy, safetensors']).status === 0;
describe.runIf(requireOrExplain('safetensors for Python', hasSafetensors, 'pip install safetensors numpy'))(
  'the implementation for Python',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
    const path = join(folder, 'file.safetensors');
    afterAll(() => rmSync(folder, { recursive: true }));
    const run = (script: string): string => {
      const { status, stdout, stderr } = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      return stdout;
    };
    const describeFile = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework='numpy') as f:
    arrays = {k: f.get_tensor(k) for k in f.keys()}
    print(json.dumps({
        'metadata': f.metadata(),
        'tensors': {k: [str(v.dtype), list(v.shape), v.tobytes().hex()] for k, v in sorted(arrays.items())},
    }))
`;

    test('reads what this one writes', () => {
      const tensors: Record<string, RawTensor> = {
        'layers.0.weight': {
          dtype: 'F64',
          shape: [2, 2],
          bytes: new Uint8Array(new Float64Array([0.1, -0, 1 / 0, 5e-324]).buffer),
        },
        bias: { dtype: 'F32', shape: [1], bytes: new Uint8Array(new Float32Array([0.1]).buffer) },
        mask: { dtype: 'BOOL', shape: [3], bytes: Uint8Array.of(1, 0, 1) },
        index: { dtype: 'I64', shape: [], bytes: new Uint8Array(new BigInt64Array([-7n]).buffer) },
        empty: { dtype: 'I32', shape: [0, 4], bytes: new Uint8Array(0) },
        ключ: { dtype: 'U8', shape: [1], bytes: Uint8Array.of(9) },
      };
      writeFileSync(path, writeSafetensors({ tensors, metadata: { note: 'ü "quoted"' } }));
      const hex = (raw: RawTensor): string => Buffer.from(raw.bytes).toString('hex');
      expect(JSON.parse(run(describeFile))).toEqual({
        metadata: { note: 'ü "quoted"' },
        tensors: {
          'layers.0.weight': ['float64', [2, 2], hex(tensors['layers.0.weight']!)],
          bias: ['float32', [1], hex(tensors['bias']!)],
          mask: ['bool', [3], '010001'],
          index: ['int64', [], hex(tensors['index']!)],
          empty: ['int32', [0, 4], ''],
          ключ: ['uint8', [1], '09'],
        },
      });
    });

    test('writes what this one reads', () => {
      run(`
import sys, numpy as np
from safetensors.numpy import save_file
save_file({
    'w': np.array([[0.1, -0.0], [np.inf, 5e-324]]),
    'b': np.array([0.1], dtype=np.float32),
    'h': np.array([1.5], dtype=np.float16),
    'mask': np.array([True, False]),
    'n': np.array(-7, dtype=np.int64),
}, sys.argv[1], metadata={'note': 'from Python'})
`);
      const { tensors, metadata } = readSafetensors(readFileSync(path));
      expect(metadata).toEqual({ note: 'from Python' });
      const plain = Object.entries(tensors).map(([key, { dtype, shape, bytes }]) => [key, [dtype, shape, [...bytes]]]);
      expect(Object.fromEntries(plain)).toEqual({
        w: ['F64', [2, 2], [...new Uint8Array(new Float64Array([0.1, -0, 1 / 0, 5e-324]).buffer)]],
        b: ['F32', [1], [...new Uint8Array(new Float32Array([0.1]).buffer)]],
        h: ['F16', [1], [0x00, 0x3e]],
        mask: ['BOOL', [2], [1, 0]],
        n: ['I64', [], [...new Uint8Array(new BigInt64Array([-7n]).buffer)]],
      });
    });
  },
);
