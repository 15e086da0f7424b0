import { describe, expect, it } from 'vitest';
import type { Operand } from '../backend.ts';
import type { DType, TypedArray } from '../dtype.ts';
import { createArrayBackend, createReferenceBackend } from './index.ts';

const backend = createReferenceBackend();
const put = (values: TypedArray, shape: number[], dtype: DType): Operand => ({
  buffer: backend.upload(values, shape, dtype),
  shape,
  dtype,
});

describe('createReferenceBackend', () => {
  it('lists the preferred floating type first', () => {
    expect(createReferenceBackend().dtypes).toEqual(['float64', 'float32', 'int32']);
    expect(createReferenceBackend({ dtype: 'float32' }).dtypes).toEqual(['float32', 'float64', 'int32']);
  });

  it('copies on upload and on download', async () => {
    const values = Float64Array.of(1, 2);
    const x = put(values, [2], 'float64');
    values[0] = 9;
    const out = await backend.download(x);
    expect(out).toEqual(Float64Array.of(1, 2));
    out[1] = 9;
    expect(backend.downloadSync!(x)).toEqual(Float64Array.of(1, 2));
  });

  it('converts to the dtype on upload', () => {
    expect(backend.downloadSync!(put(Float64Array.of(0.1), [1], 'float32'))).toEqual(Float32Array.of(0.1));
  });

  it('counts live buffers, and a reshape counts although it shares storage', () => {
    const before = backend.liveBuffers();
    const x = put(Float64Array.of(1, 2), [2], 'float64');
    const y: Operand = { buffer: backend.reshape(x, [2, 1]), shape: [2, 1], dtype: 'float64' };
    expect(backend.liveBuffers()).toBe(before + 2);
    backend.dispose(x.buffer);
    expect(backend.downloadSync!(y)).toEqual(Float64Array.of(1, 2));
    backend.dispose(y.buffer);
    expect(backend.liveBuffers()).toBe(before);
  });

  it('refuses to read or free a buffer that was disposed', async () => {
    const x = put(Float64Array.of(1, 2), [2], 'float64');
    backend.dispose(x.buffer);
    expect(() => backend.unary('exp', x)).toThrowErrorMatchingInlineSnapshot(
      `[DisposedTensorError: exp: a tensor of shape [2] was used after it was disposed. To fix: return it from the scope that created it, or dispose it later.]`,
    );
    expect(() => backend.reshape(x, [2, 1])).toThrow(/disposed/);
    expect(() => backend.concat([x], 0, [2])).toThrow(/disposed/);
    await expect(backend.download(x)).rejects.toThrow(/disposed/);
    const live = backend.liveBuffers();
    expect(() => backend.dispose(x.buffer)).toThrow(/disposed/);
    expect(backend.liveBuffers()).toBe(live);
  });

  it('gives the dtype of the operands in every family', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const kind = dtype === 'float32' ? Float32Array : Float64Array;
      const x = put(Float64Array.of(1, 2, 3, 4), [1, 2, 2, 1], dtype);
      const m = put(Float64Array.of(1, 2, 3, 4), [2, 2], dtype);
      const i = put(Int32Array.of(1, 0), [2], 'int32');
      const spec = { strides: [1, 1], padding: [[0, 0], [0, 0]] } as const; // prettier-ignore
      const results: [string, Operand['buffer'], number][] = [
        ['fill', backend.fill([3], 1, dtype), 3],
        ['cast', backend.cast(i, dtype), 2],
        ['unary', backend.unary('neg', m), 4],
        ['affine', backend.affine(m, 1, 1), 4],
        ['binary', backend.binary('less', m, m, [2, 2]), 4],
        ['select', backend.select(m, m, m, [2, 2]), 4],
        ['matMul', backend.matMul(m, m, true, false, [2, 2]), 4],
        ['conv2d', backend.conv2d(x, x, spec, [1, 2, 1, 1]), 2],
        ['conv2dInput', backend.conv2dInput(x, x, spec, [1, 2, 3, 2]), 12],
        ['conv2dFilter', backend.conv2dFilter(x, x, spec, [1, 1, 1, 1]), 1],
        ['reduce', backend.reduce('max', m, [0], [2]), 2],
        ['broadcastTo', backend.broadcastTo(m, [3, 2, 2]), 12],
        ['reshape', backend.reshape(m, [4]), 4],
        ['transpose', backend.transpose(m, [1, 0]), 4],
        ['slice', backend.slice(m, [0, 1], [2, 1]), 2],
        ['pad', backend.pad(m, [[0, 1], [0, 0]]), 6], // prettier-ignore
        ['concat', backend.concat([m, m], 0, [4, 2]), 8],
        ['gather', backend.gather(m, i, 0), 4],
        ['scatterAdd', backend.scatterAdd(m, i, 0, [2, 2]), 4],
      ];
      for (const [name, buffer, size] of results) {
        const values = backend.downloadSync!({ buffer, shape: [size], dtype });
        expect(values, name).toBeInstanceOf(kind);
        expect(values, name).toHaveLength(size);
      }
    }
  });
});

describe('createArrayBackend', () => {
  it('hands on the array of a freed buffer when the last buffer that shares it is gone', () => {
    const recycled: unknown[] = [];
    const own = createArrayBackend({ name: 'test', dtypes: ['float64'], recycle: (values) => recycled.push(values) });
    const operand = (buffer: unknown): Operand => ({ buffer, shape: [2], dtype: 'float64' });
    const x = own.upload(Float64Array.of(1, 2), [2], 'float64');
    const y = own.reshape(operand(x), [2, 1]);
    const z = own.reshape(operand(y), [1, 2]);
    own.dispose(y);
    own.dispose(x);
    expect(recycled).toEqual([]);
    own.dispose(z);
    expect(recycled).toEqual([Float64Array.of(1, 2)]);
    expect(own.liveBuffers()).toBe(0);
  });
});
