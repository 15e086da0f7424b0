import * as ops from '@sparseflow/tensor';
import { expect, it } from 'vitest';
import { wrapKernelBackend } from '../src/backend.ts';
import { noDevice } from '../src/device-errors.ts';
import { fromTfjs, toTfjs, type TfjsBackend } from '../src/index.ts';
import { init, step } from './training.ts';

/** Our buffers, and the data that tfjs holds for them. */
function counts({ liveBuffers, tfjs }: TfjsBackend): { live: number; dataIds: number; tensors: number } {
  const { numTensors } = tfjs.core.engine().state;
  return { live: liveBuffers(), dataIds: tfjs.kernelBackend.numDataIds(), tensors: numTensors };
}

/** Live buffers, and tfjs's own counts, around what an application does. */
export function registerLeakTests(create: () => Promise<TfjsBackend>): void {
  it('20 training steps leave nothing behind', async () => {
    const backend = await create();
    const before = counts(backend);
    let params = init(backend);
    const x = ops.tensor([[1, 2], [3, 4], [-1, 0.5]], { backend }); // prettier-ignore
    const first = counts(backend);
    for (let i = 0; i < 20; i++) {
      const next = step(params, x, false);
      ops.disposeTree(params);
      params = next;
      expect(counts(backend)).toEqual(first);
    }
    expect(Number.isFinite((await params['w1']!.data())[0])).toBe(true);
    ops.disposeTree(params);
    x.dispose();
    expect(counts(backend)).toEqual(before);
  });

  it('a step that throws leaves nothing behind', async () => {
    const backend = await create();
    const params = init(backend);
    const x = ops.tensor([[1, 2], [3, 4], [-1, 0.5]], { backend }); // prettier-ignore
    const before = counts(backend);
    for (let i = 0; i < 3; i++) expect(() => step(params, x, true)).toThrow(ops.ShapeError);
    expect(counts(backend)).toEqual(before);
    ops.disposeTree(params);
    x.dispose();
  });

  it('a kernel that throws leaves nothing behind', async () => {
    const backend = await create();
    const { core, name } = backend.tfjs;
    const x = ops.tensor([[1, 2], [3, 4]], { backend }); // prettier-ignore
    const indices = ops.tensor([1, 0], { backend, dtype: 'int32' });
    const before = counts(backend);
    // Any kernel of tfjs may fail half-way, for lack of memory. scatterAdd along a later axis transposes before and after.
    const registered = core.getKernel('ScatterNd', name);
    core.unregisterKernel('ScatterNd', name);
    core.registerKernel({
      ...registered,
      kernelFunc: () => {
        throw new Error('out of memory');
      },
    });
    try {
      // A fresh Backend, since kernels are looked up once.
      const failing = wrapKernelBackend(name, core, backend.tfjs.kernelBackend, noDevice);
      const call = (): unknown =>
        failing.scatterAdd({ buffer: x.buffer, shape: [2, 2], dtype: 'float32' }, indices, 1, [2, 5]);
      expect(call).toThrow(ops.BackendError);
      expect(call).toThrow('out of memory');
      expect(failing.liveBuffers()).toBe(0);
    } finally {
      core.unregisterKernel('ScatterNd', name);
      core.registerKernel(registered);
    }
    expect(counts(backend)).toEqual(before);
    ops.disposeTree([x, indices]);
  });

  it('tensors are exchanged with tfjs without copying, and disposed in either order', async () => {
    const backend = await create();
    const { core, name, kernelBackend } = backend.tfjs;
    await core.setBackend(name);
    const before = counts(backend);
    const theirs = core.tensor2d([1, 2, 3, 4], [2, 2]);
    const ours = fromTfjs(theirs, backend);
    const back = toTfjs(ours);
    expect(kernelBackend.numDataIds()).toBe(before.dataIds + 1);
    theirs.dispose();
    const product = ops.matMul(ours, ours);
    ours.dispose();
    const lent = toTfjs(product);
    const sum = core.add(back, lent);
    product.dispose();
    expect([...(await sum.data())]).toEqual([8, 12, 18, 26]);
    expect(backend.liveBuffers()).toBe(before.live);
    for (const each of [back, lent, sum]) each.dispose();
    expect(counts(backend)).toEqual(before);
  });

  it('a buffer may be disposed while it is downloaded', async () => {
    const backend = await create();
    const before = counts(backend);
    const x = ops.tensor([1, 2, 3], { backend });
    const y = ops.square(x);
    const values = y.data();
    ops.disposeTree([x, y]);
    expect([...(await values)]).toEqual([1, 4, 9]);
    expect(counts(backend)).toEqual(before);
  });
}
