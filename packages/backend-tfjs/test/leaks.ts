import * as ops from '@sparseflow/tensor';
import type { Backend, Params, Tensor } from '@sparseflow/tensor';
import { expect, it } from 'vitest';
import { fromTfjs, toTfjs, type TfjsBackend } from '../src/index.ts';

/** Our buffers, and the data that tfjs holds for them. */
function counts({ liveBuffers, tfjs }: TfjsBackend): { live: number; dataIds: number; tensors: number } {
  const { numTensors } = tfjs.core.engine().state;
  return { live: liveBuffers(), dataIds: tfjs.kernelBackend.numDataIds(), tensors: numTensors };
}

const init = (backend: Backend): Params => {
  const matrix = (rows: number, columns: number): Tensor =>
    ops.tensor(Array.from({ length: rows * columns }, (_, i) => Math.sin(i + 1)), { backend, shape: [rows, columns] }); // prettier-ignore
  return { w1: matrix(3, 5), b1: matrix(1, 5), w2: matrix(5, 2), b2: matrix(1, 2) };
};

/** A step as in training: a network with a time column, a divergence, a loss, its gradient, an update. */
function step(params: Params, x: Tensor, fail: boolean): Params {
  return ops.scope(() => {
    const loss = (p: Params): Tensor => {
      const field = (z: Tensor): Tensor => {
        const time = ops.full([z.shape[0]!, 1], 0.5, { backend: z.backend });
        const hidden = ops.tanh(ops.add(ops.matMul(ops.concat([z, time], 1), p['w1']!), p['b1']!));
        return ops.add(ops.matMul(hidden, p['w2']!), p['b2']!);
      };
      const { value, tangent } = ops.jvp(field, x, ops.onesLike(x)) as { value: Tensor; tangent: Tensor };
      const rows = ops.gather(value, ops.tensor([0, 2, 2], { backend: x.backend, dtype: 'int32' }), 0);
      if (fail) ops.reshape(value, [7]);
      return ops.add(
        ops.mean(ops.square(rows)),
        ops.mean(ops.softplus(ops.where(ops.less(tangent, 0), tangent, value))),
      );
    };
    const { grad } = ops.valueAndGrad(loss)(params);
    return Object.fromEntries(
      Object.entries(params).map(([key, p]) => [key, ops.sub(p, ops.affine(grad[key]!, 0.01, 0))]),
    );
  });
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
      const { wrapKernelBackend } = await import('../src/backend.ts');
      const failing = wrapKernelBackend(name, core, backend.tfjs.kernelBackend, () => {});
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
