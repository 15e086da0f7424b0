import { key, tensor, type DType, type Tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCheckpoint, disposeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { memoryCheckpointStore } from './checkpointStore.ts';
import { CorruptCheckpointError } from './errors.ts';
import type { OptimizerState } from './optimizer.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

const backend = createReferenceBackend();
const VALUES = [0.1, -0, 0, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308];

/** Anything with tensors, as what decides equality: element type, shape, exact bytes; entries in order, -0 apart from 0. */
function exact(tree: unknown): unknown {
  if (typeof tree !== 'object' || tree === null) return Object.is(tree, -0) ? 'negative zero' : tree;
  if ('dataSync' in tree) {
    const x = tree as Tensor;
    const values = x.dataSync();
    return [x.dtype, [...x.shape], Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')];
  }
  return Object.entries(tree).map(([name, child]) => [name, exact(child)]);
}

const tensors: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom<DType>('float64', 'float32', 'int32'),
    shape: fc.array(fc.nat(3), { maxLength: 3 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((n, axis) => n * axis, 1);
    const element = dtype === 'int32' ? fc.integer() : fc.double();
    return fc
      .array(element, { minLength: length, maxLength: length })
      .map((values) => tensor(Float64Array.from(values), { backend, shape, dtype }));
  });
// Names that JavaScript or the format could take for something else are among these.
const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('10', '9', 'a/b', 'a~1b', '@', 'NaN', '-0', 'toString', '__metadata__', ''),
);
const records = fc.dictionary(names, tensors, { maxKeys: 4 });
const numbers = fc.oneof(fc.double(), fc.constantFrom(...VALUES), fc.nat());
const { state: states } = fc.letrec<{ state: OptimizerState }>((tie) => ({
  state: fc.oneof(
    { maxDepth: 3 },
    numbers,
    tensors,
    fc.array(tie('state'), { maxLength: 3 }),
    fc.dictionary(names, tie('state'), { maxKeys: 3 }),
  ),
}));
const metrics = fc.dictionary(fc.string(), numbers, { maxKeys: 2 });
const checkpoints: fc.Arbitrary<Checkpoint> = fc.record(
  {
    params: records,
    masks: records,
    optimizer: states,
    key: fc.nat().map(key),
    cursor: fc.record({ epoch: fc.nat(), batch: fc.nat(), step: fc.nat(), lossSum: numbers, metricSums: metrics }),
    history: fc.array(fc.record({ epoch: fc.nat(), loss: numbers, validation: numbers, metrics }), { maxLength: 2 }),
    best: fc.record({ epoch: fc.nat(), value: numbers, params: records }),
    metadata: fc.dictionary(names, fc.string(), { maxKeys: 2 }),
  },
  { requiredKeys: ['params', 'metadata'] },
);

const sample = (): Checkpoint => ({
  params: {
    w: tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { backend },
    ),
    b: tensor([0.1], { backend }),
  },
  masks: {
    w: tensor(
      [
        [1, 0],
        [0, 1],
      ],
      { backend },
    ),
  },
  optimizer: {
    step: 3,
    mean: {
      w: tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { backend },
      ),
    },
  },
  key: key(1),
  cursor: { epoch: 1, batch: 2, step: 3, lossSum: 0.5, metricSums: {} },
  metadata: { model: 'sample' },
});

describe('round trip', () => {
  test('keeps every byte, every number and the order of names', async () => {
    await fc.assert(
      fc.asyncProperty(checkpoints, async (checkpoint) => {
        const decoded = decodeCheckpoint(await encodeCheckpoint(checkpoint), { backend });
        const { params, masks, optimizer, key, cursor, history, best, metadata } = checkpoint;
        const all = { params, masks, optimizer, key, cursor, history, best, metadata };
        expect(exact({ ...Object.fromEntries(Object.keys(all).map((part) => [part, undefined])), ...decoded })).toEqual(
          exact(all),
        );
        disposeCheckpoint(decoded);
      }),
    );
  });

  test('equal checkpoints give equal bytes', async () => {
    const bytes = await encodeCheckpoint(sample());
    expect(await encodeCheckpoint(sample())).toEqual(bytes);
    expect(await encodeCheckpoint(decodeCheckpoint(bytes, { backend }))).toEqual(bytes);
  });

  test('reads a Buffer, whose memory it may share with others', async () => {
    const bytes = await encodeCheckpoint(sample());
    for (const offset of [0, 1, 4]) {
      const shared = Buffer.alloc(bytes.length + 16).fill(255);
      shared.set(bytes, offset);
      const decoded = decodeCheckpoint(shared.subarray(offset, offset + bytes.length), { backend });
      expect(exact(decoded.params)).toEqual(exact(sample().params));
    }
  });

  test('is a safetensors file with tensors under plain names', async () => {
    const { tensors, metadata } = readSafetensors(await encodeCheckpoint(sample()));
    expect(Object.keys(tensors).sort()).toEqual(['masks/w', 'optimizer/mean/w', 'params/b', 'params/w']);
    expect(metadata['metadata/model']).toBe('sample');
  });
});

describe('corruption', () => {
  test('every changed bit is noticed', async () => {
    const bytes = await encodeCheckpoint(sample());
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeCheckpoint(bytes, { backend })).toThrow(CorruptCheckpointError);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(() => decodeCheckpoint(bytes, { backend })).not.toThrow();
  });

  test('so is every cut', async () => {
    const bytes = await encodeCheckpoint(sample());
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeCheckpoint(bytes.subarray(0, length), { backend })).toThrow(CorruptCheckpointError);
    }
  });

  test('the error says where, what and what to do', async () => {
    const bytes = await encodeCheckpoint(sample());
    bytes[bytes.length - 1]! ^= 1;
    const read = (): unknown => decodeCheckpoint(bytes, { backend, path: 'run.safetensors' });
    expect(read).toThrowErrorMatchingInlineSnapshot(
      `[CorruptCheckpointError: checkpoint 'run.safetensors': its bytes do not match their checksum. To fix: restore it from a copy, or remove it to start afresh.]`,
    );
    expect(read).toThrow(expect.objectContaining({ code: 'CORRUPT_CHECKPOINT', path: 'run.safetensors' }));
  });

  test('other safetensors files are told apart', () => {
    const foreign = writeSafetensors({ tensors: {}, metadata: { author: 'someone' } });
    expect(() => decodeCheckpoint(foreign, { backend })).toThrowErrorMatchingInlineSnapshot(
      `[CorruptCheckpointError: checkpoint: it does not begin as a checkpoint does. To fix: restore it from a copy, or remove it to start afresh.]`,
    );
  });
});

describe('memory', () => {
  test('decoding leaves its result only, and nothing when it fails', async () => {
    const given = sample();
    const bytes = await encodeCheckpoint(given);
    const live = backend.liveBuffers();
    const decoded = decodeCheckpoint(bytes, { backend });
    expect(backend.liveBuffers()).toBe(live + 4);
    disposeCheckpoint(decoded);
    expect(backend.liveBuffers()).toBe(live);

    const reference = createReferenceBackend();
    const narrow = { ...reference, dtypes: ['float32' as const] };
    expect(() => decodeCheckpoint(bytes, { backend: narrow })).toThrow(/does not compute with float64/);
    const mixed = await encodeCheckpoint({
      params: { a: tensor([1], { backend, dtype: 'float32' }), b: tensor([1], { backend }) },
    });
    expect(() => decodeCheckpoint(mixed, { backend: narrow })).toThrow(/does not compute with float64/);
    expect(reference.liveBuffers()).toBe(0);
  });
});

test('a memory store gives back the last checkpoint', async () => {
  const store = memoryCheckpointStore({ backend });
  expect(await store.load()).toBeUndefined();
  await store.save({ params: {} });
  await store.save(sample());
  expect(exact((await store.load())?.params)).toEqual(exact(sample().params));
});
