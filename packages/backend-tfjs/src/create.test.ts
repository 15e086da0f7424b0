import { BackendError, DTypeError, matMul, sum, tensor, ValueError, gather } from '@sparseflow/tensor';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTfjsBackend, isTfjsBackend, tfjsSupport, type TfjsBackendName } from './index.ts';

async function failure(name: string): Promise<BackendError> {
  try {
    await createTfjsBackend(name as TfjsBackendName);
  } catch (error) {
    return error as BackendError;
  }
  throw new Error(`createTfjsBackend('${name}') did not throw`);
}

afterEach(() => vi.restoreAllMocks());

describe('createTfjsBackend', () => {
  it('keeps several backends apart, whichever is selected globally', async () => {
    const [cpu, wasm] = await Promise.all([createTfjsBackend('cpu'), createTfjsBackend('wasm')]);
    const values = [1, 2, 3, 4];
    const [a, b] = [cpu, wasm].map((backend) => tensor(values, { backend, shape: [2, 2] }));
    for (const selected of ['cpu', 'wasm']) {
      await tf.setBackend(selected);
      const before = [cpu.tfjs.kernelBackend.numDataIds(), wasm.tfjs.kernelBackend.numDataIds()];
      const [x, y] = [matMul(a!, a!), matMul(b!, b!)];
      expect([cpu.tfjs.kernelBackend.numDataIds(), wasm.tfjs.kernelBackend.numDataIds()]).toEqual(
        before.map((n) => n + 1),
      );
      expect([...(await x.data())]).toEqual([7, 10, 15, 22]);
      expect([...(await y.data())]).toEqual([7, 10, 15, 22]);
      for (const each of [x, y]) each.dispose();
    }
    for (const each of [a, b]) each!.dispose();
  });

  it('leaves the globally selected backend, the tape and tidy alone', async () => {
    const wasm = await createTfjsBackend('wasm');
    await createTfjsBackend('cpu');
    await tf.setBackend('cpu');
    const x = tensor([1, 2], { backend: wasm });
    let y = x;
    tf.tidy(() => {
      y = sum(x);
    });
    expect(tf.getBackend()).toBe('cpu');
    expect([...(await y.data())]).toEqual([3]);
    x.dispose();
    y.dispose();
  });

  it('gives the same backend for the same name, also when asked twice at once', async () => {
    const [a, b] = await Promise.all([createTfjsBackend('wasm'), createTfjsBackend('wasm')]);
    expect(a).toBe(b);
    expect(await createTfjsBackend('wasm')).toBe(a);
    expect(isTfjsBackend(a)).toBe(true);
  });

  it('prints nothing', async () => {
    const spies = (['log', 'warn', 'error'] as const).map((method) => vi.spyOn(console, method));
    const backend = await createTfjsBackend('cpu');
    tensor([1], { backend }).dispose();
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  it('refuses float64 with a remedy', async () => {
    const backend = await createTfjsBackend('cpu');
    expect(() => tensor([1], { backend, dtype: 'float64' })).toThrow(DTypeError);
    expect(() => backend.fill([1], 0, 'float64')).toThrow('use float32');
    expect(() => backend.upload(new Float64Array(1), [1], 'float64')).toThrow(DTypeError);
  });

  it.each(['cpu', 'wasm'] as const)('%s: names an index out of range', async (name) => {
    const backend = await createTfjsBackend(name);
    const x = tensor([1, 2, 3], { backend });
    const indices = tensor([0, 3], { backend, dtype: 'int32' });
    expect(() => gather(x, indices, 0)).toThrow(ValueError);
    expect(() => gather(x, indices, 0)).toThrow('index 3');
    x.dispose();
    indices.dispose();
  });

  it('refuses a name that it does not know', async () => {
    const error = await failure('cuda');
    expect(error).toBeInstanceOf(BackendError);
    expect(error.message).toMatchInlineSnapshot(
      `"backend 'tfjs-cuda': there is no such TensorFlow.js backend. To fix: use one of cpu, wasm, webgl, webgpu, node-gpu."`,
    );
  });

  it('says that WebGL needs a browser', async () => {
    expect((await failure('webgl')).message).toMatchInlineSnapshot(
      `"backend 'tfjs-webgl': WebGL needs a browser. To fix: use wasm, webgpu or node-gpu in Node."`,
    );
  });

  it('says how to get node-gpu, which is not installed here', async () => {
    expect((await failure('node-gpu')).message).toMatchInlineSnapshot(
      `"backend 'tfjs-node-gpu': the package '@tensorflow/tfjs-node-gpu' is not installed. To fix: npm install @tensorflow/tfjs-node-gpu@4.22.0."`,
    );
  });

  it('says what to do when WebGPU finds no adapter', async () => {
    const gpu = { requestAdapter: async () => null };
    const scope = globalThis as { navigator?: object };
    const had = scope.navigator;
    scope.navigator = { gpu };
    try {
      expect((await failure('webgpu')).message).toMatchInlineSnapshot(
        `"backend 'tfjs-webgpu': WebGPU finds no adapter. To fix: install a graphics driver with Vulkan (Debian: libvulkan1 and the GPU vendor's driver), or for software rendering set VK_ICD_FILENAMES to SwiftShader's vk_swiftshader_icd.json (Debian: in the package chromium) before Node starts."`,
      );
    } finally {
      if (had) scope.navigator = had;
      else delete scope.navigator;
    }
  });
});

describe('tfjsSupport', () => {
  it('lists every backend, and what is in the way of those that do not work', async () => {
    const scope = globalThis as { navigator?: object };
    const had = scope.navigator;
    scope.navigator = { gpu: { requestAdapter: async () => null } };
    try {
      const found = await tfjsSupport();
      expect(found.map(({ name, usable }) => [name, usable])).toEqual([
        ['cpu', true],
        ['wasm', true],
        ['webgl', false],
        ['webgpu', false],
        ['node-gpu', false],
      ]);
      for (const { usable, reason, remedy } of found) {
        expect(typeof reason).toBe(usable ? 'undefined' : 'string');
        expect(typeof remedy).toBe(usable ? 'undefined' : 'string');
      }
    } finally {
      if (had) scope.navigator = had;
      else delete scope.navigator;
    }
  });
});
