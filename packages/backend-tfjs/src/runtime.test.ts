import { BackendError } from '@sparseflow/tensor';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { createTfjsBackend } from './index.ts';
import { Runtime, tfjsName } from './runtime.ts';

const TRACKED = 'SparseflowReturnsTensor';

async function runtime(): Promise<Runtime> {
  const { name, core, kernelBackend } = (await createTfjsBackend('cpu')).tfjs;
  return new Runtime(name, core, kernelBackend, {});
}

afterEach(() => {
  if (tf.getKernel(TRACKED, 'cpu')) tf.unregisterKernel(TRACKED, 'cpu');
});

describe('Runtime', () => {
  it('frees temporaries, and gives each result to its caller', async () => {
    const rt = await runtime();
    const before = rt.kernelBackend.numDataIds();
    const x = rt.write(new Float32Array([1, 2]), [2], 'float32');
    const y = rt.run('Square', { x: rt.temporary(x) });
    rt.scalar(1, 'float32');
    rt.releaseTemporaries();
    expect(rt.kernelBackend.numDataIds()).toBe(before + 1);
    expect([...(rt.kernelBackend.readSync(y.dataId) as Float32Array)]).toEqual([1, 4]);
    rt.release(y);
    expect(rt.kernelBackend.numDataIds()).toBe(before);
  });

  it('takes a tensor that a kernel returns out of the books of tfjs', async () => {
    const rt = await runtime();
    tf.registerKernel({
      kernelName: TRACKED,
      backendName: 'cpu',
      kernelFunc: () => tf.engine().makeTensor(new Float32Array([1, 2]), [2], 'float32', rt.kernelBackend),
    });
    const { numTensors, numDataBuffers } = tf.engine().state;
    const before = rt.kernelBackend.numDataIds();
    const info = rt.run(TRACKED, {});
    expect([tf.engine().state.numTensors, tf.engine().state.numDataBuffers]).toEqual([numTensors, numDataBuffers]);
    expect([...(rt.kernelBackend.readSync(info.dataId) as Float32Array)]).toEqual([1, 2]);
    rt.release(info);
    expect(rt.kernelBackend.numDataIds()).toBe(before);
  });

  it('names a kernel that does not exist', async () => {
    const rt = await runtime();
    expect(() => rt.run('NoSuchKernel', {})).toThrow(BackendError);
    expect(() => rt.run('NoSuchKernel', {})).toThrow("no kernel 'NoSuchKernel'");
  });
});

describe('tfjsName', () => {
  it("is tfjs's own", () => {
    expect(tfjsName('node-gpu')).toBe('tensorflow');
    expect(tfjsName('wasm')).toBe('wasm');
  });
});
