import { add, BackendError, DTypeError, DisposedTensorError, reshape, square, tensor } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { createTfjsBackend, fromTfjs, toTfjs, type TfjsBackend } from './index.ts';

describe.each(['cpu', 'wasm'] as const)('zero-copy exchange on %s', (name) => {
  let backend: TfjsBackend;
  let before: number[];
  const counts = (): number[] => {
    const { numTensors, numDataBuffers } = tf.engine().state;
    return [backend.liveBuffers(), backend.tfjs.kernelBackend.numDataIds(), numTensors, numDataBuffers];
  };

  beforeEach(async () => {
    backend = await createTfjsBackend(name);
    await tf.setBackend(name);
    before = counts();
  });

  it('fromTfjs: disposing theirs leaves ours', async () => {
    const theirs = tf.tensor2d([[1, 2], [3, 4]]); // prettier-ignore
    const ours = fromTfjs(theirs, backend);
    expect(counts()[1]).toBe(before[1]! + 1);
    theirs.dispose();
    const squares = square(ours);
    expect([...(await squares.data())]).toEqual([1, 4, 9, 16]);
    expect(ours.shape).toEqual([2, 2]);
    for (const each of [ours, squares]) each.dispose();
    expect(counts()).toEqual(before);
  });

  it('fromTfjs: disposing ours leaves theirs', async () => {
    const theirs = tf.tensor1d([1, 2], 'int32');
    const ours = fromTfjs(theirs, backend);
    expect(ours.dtype).toBe('int32');
    ours.dispose();
    expect([...theirs.dataSync()]).toEqual([1, 2]);
    theirs.dispose();
    expect(counts()).toEqual(before);
  });

  it('toTfjs: disposing ours leaves theirs', async () => {
    const ours = tensor([[1, 2, 3]], { backend });
    const theirs = toTfjs(ours);
    expect(counts()[1]).toBe(before[1]! + 1);
    ours.dispose();
    const doubled = tf.mul(theirs, 2);
    expect([...doubled.dataSync()]).toEqual([2, 4, 6]);
    expect(theirs.shape).toEqual([1, 3]);
    for (const each of [theirs, doubled]) each.dispose();
    expect(counts()).toEqual(before);
  });

  it('toTfjs: disposing theirs leaves ours, and what was reshaped from it', async () => {
    const ours = tensor([1, 2, 3, 4], { backend });
    const view = reshape(ours, [2, 2]);
    toTfjs(view).dispose();
    view.dispose();
    const sum = add(ours, 1);
    expect([...(await sum.data())]).toEqual([2, 3, 4, 5]);
    for (const each of [ours, sum]) each.dispose();
    expect(counts()).toEqual(before);
  });

  it('there and back shares one block', async () => {
    const ours = tensor([1, 2], { backend });
    const theirs = toTfjs(ours);
    const again = fromTfjs(theirs, backend);
    expect(counts()[1]).toBe(before[1]! + 1);
    theirs.dispose();
    ours.dispose();
    expect([...(await again.data())]).toEqual([1, 2]);
    again.dispose();
    expect(counts()).toEqual(before);
  });

  it('survives that tfjs moves the data to another of its backends', async () => {
    const ours = tensor([1, 2], { backend });
    const theirs = toTfjs(ours);
    const other = await createTfjsBackend(name === 'cpu' ? 'wasm' : 'cpu');
    const otherBefore = other.tfjs.kernelBackend.numDataIds();
    await tf.setBackend(other.tfjs.name);
    const moved = tf.add(theirs, 1);
    expect([...moved.dataSync()]).toEqual([2, 3]);
    moved.dispose();
    theirs.dispose();
    ours.dispose();
    await tf.setBackend(name);
    expect(counts()).toEqual(before);
    expect(other.tfjs.kernelBackend.numDataIds()).toBe(otherBefore);
  });

  it('computes on data that tfjs moved away', async () => {
    const ours = tensor([1, 2], { backend });
    const theirs = toTfjs(ours);
    const other = await createTfjsBackend(name === 'cpu' ? 'wasm' : 'cpu');
    await tf.setBackend(other.tfjs.name);
    tf.add(theirs, 1).dispose();
    const sum = add(ours, ours);
    expect([...(await sum.data())]).toEqual([2, 4]);
    for (const each of [theirs, ours, sum]) each.dispose();
    await tf.setBackend(name);
    expect(counts()).toEqual(before);
  });

  it('belongs to the tidy that it is made in', () => {
    const ours = tensor([1, 2], { backend });
    tf.tidy(() => void toTfjs(ours));
    ours.dispose();
    expect(counts()).toEqual(before);
  });

  it('takes tensors without elements', async () => {
    const theirs = tf.zeros([0, 3]);
    const ours = fromTfjs(theirs, backend);
    const back = toTfjs(ours);
    expect(ours.shape).toEqual([0, 3]);
    expect(back.shape).toEqual([0, 3]);
    expect(await ours.data()).toHaveLength(0);
    for (const each of [theirs, ours, back]) each.dispose();
    expect(counts()).toEqual(before);
  });

  it('refuses other element types, other backends and what was disposed', async () => {
    const flags = tf.tensor1d([true]);
    expect(() => fromTfjs(flags, backend)).toThrow(DTypeError);
    flags.dispose();

    const theirs = tf.tensor1d([1]);
    const other = await createTfjsBackend(name === 'cpu' ? 'wasm' : 'cpu');
    expect(() => fromTfjs(theirs, other)).toThrow(BackendError);
    expect(() => fromTfjs(theirs, createReferenceBackend())).toThrow('not a TensorFlow.js backend');
    theirs.dispose();
    expect(() => fromTfjs(theirs, backend)).toThrow('was disposed');

    const ours = tensor([1], { backend });
    ours.dispose();
    expect(() => toTfjs(ours)).toThrow(DisposedTensorError);
    expect(() => toTfjs(tensor([1], { backend: createReferenceBackend() }))).toThrow(BackendError);
    expect(counts()).toEqual(before);
  });
});
