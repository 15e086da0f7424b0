import { disposeTree, ShapeError, square, tensor, type Backend, type TypedArray } from '@sparseflow/tensor';
import { createReferenceBackend } from '@sparseflow/tensor/reference';
import { expect, it } from 'vitest';
import { createTfjsBackend, DeviceLostError, type TfjsBackend } from '../src/index.ts';
import { init, step } from './training.ts';

type HostParams = Record<string, { readonly values: TypedArray; readonly shape: readonly number[] }>;

const STEPS = 4;

function destroy(backend: TfjsBackend): void {
  (backend.tfjs.kernelBackend as unknown as { device: GPUDevice }).device.destroy();
}

/** Training that keeps its state on the host after each step, as an application with checkpoints does. */
function training(): { state: HostParams; steps: number; run(backend: Backend, until: number): Promise<void> } {
  const start = init(createReferenceBackend());
  const self = {
    state: Object.fromEntries<HostParams[string]>(
      Object.entries(start).map(([key, p]) => [key, { values: p.dataSync(), shape: p.shape }]),
    ),
    steps: 0,
    async run(backend: Backend, until: number): Promise<void> {
      const x = tensor([[1, 2], [3, 4], [-1, 0.5]], { backend }); // prettier-ignore
      const params = Object.fromEntries(
        Object.entries(self.state).map(([key, { values, shape }]) => [key, tensor(values, { backend, shape })]),
      );
      try {
        while (self.steps < until) {
          const next = step(params, x, false);
          Object.values(params).forEach((p) => p.dispose());
          Object.assign(params, next);
          const read = await Promise.all(
            Object.entries(next).map(async ([key, p]) => [key, { values: await p.data(), shape: p.shape }] as const),
          );
          self.state = Object.fromEntries(read);
          self.steps++;
        }
      } finally {
        disposeTree([params, x]);
      }
    },
  };
  return self;
}

/** Only for a test file of its own: it takes the device away. */
export function registerDeviceLossTests(): void {
  it('a device that is lost in the middle of training: another backend goes on from the last state', async () => {
    const gpu = await createTfjsBackend('webgpu');
    const cpu = await createTfjsBackend('cpu');
    const run = training();
    await run.run(gpu, STEPS / 2);
    destroy(gpu);
    await expect(run.run(gpu, STEPS)).rejects.toThrow(DeviceLostError);
    expect(run.steps).toBe(STEPS / 2);
    expect(gpu.liveBuffers()).toBe(0);
    await run.run(cpu, STEPS);
    const uninterrupted = training();
    await uninterrupted.run(cpu, STEPS);
    for (const [key, { values }] of Object.entries(uninterrupted.state)) {
      // Numbers up to 3 after two steps on a GPU: some tens of roundings of 6e-8.
      Array.from(values).forEach((v, i) => expect(run.state[key]!.values[i]).toBeCloseTo(v, 4));
    }
  });

  it('is named by whatever is asked of it next; mistakes keep their own names; it opens again', async () => {
    const gpu = await createTfjsBackend('webgpu');
    const x = tensor([1, 2], { backend: gpu });
    const reading = square(x).data();
    destroy(gpu);
    await reading.catch(() => {});
    await expect(x.data()).rejects.toThrow(DeviceLostError);
    expect(() => square(x)).toThrow(
      /^backend 'tfjs-webgpu': the device was lost: .+\. To fix: go on from the last state that was read back, on another/,
    );
    expect(() => tensor([3], { backend: gpu })).toThrow(DeviceLostError);
    expect(() => tensor([3], { backend: gpu, shape: [2] })).toThrow(ShapeError);
    x.dispose();
    const again = await createTfjsBackend('webgpu');
    expect(again).not.toBe(gpu);
    const y = tensor([3], { backend: again });
    expect([...(await square(y).data())]).toEqual([9]);
  });
}
