import { createTfjsBackend, type TfjsBackend } from '@sparseflow/backend-tfjs';
import { disposeTree, dualMlp, tensor, type Tensor } from '@sparseflow/tensor';
import { describe, expect, it } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { problemOf } from './cases.ts';
import { countDispatches } from './dispatches.ts';
import { prepareDualPass } from './implementations/dualPass.ts';

/** Kernels of one evaluation and of one with its reverse pass, once the weights are packed. */
async function dispatchesOf(gpu: TfjsBackend, sizes: readonly number[], fused = gpu.fused ?? {}): Promise<number[]> {
  const prepared = prepareDualPass({ ...gpu, fused }, problemOf({ name: 'small', sizes, batch: 5 }));
  await prepared.read();
  const counts = [await countDispatches(gpu, prepared.forward), await countDispatches(gpu, prepared.vjp)];
  prepared.dispose();
  return counts;
}

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('kernels on WebGPU', () => {
  it('are one for an evaluation; for its reverse pass three and one for each layer', async () => {
    expect(await dispatchesOf(await createTfjsBackend('webgpu'), [2, 4, 4, 2])).toEqual([1, 1 + 3 + 3]);
  });

  it('are, for a network that goes layer by layer, one for each layer, and for its reverse pass one and three for each', async () => {
    expect(await dispatchesOf(await createTfjsBackend('webgpu'), [2, 129, 2])).toEqual([2, 2 + 1 + 3 * 2]);
  });

  it('are several for each layer when it is decomposed', async () => {
    const [forward, vjp] = await dispatchesOf(await createTfjsBackend('webgpu'), [2, 4, 4, 2], {});
    expect(forward).toBeGreaterThan(3 * 3);
    expect(vjp).toBeGreaterThan(3 * forward!);
  });

  it('are, with new tensors, one more for each layer, which packs it: the weights once, gates that depend on time each time', async () => {
    const gpu = await createTfjsBackend('webgpu');
    const make = (...shape: number[]): Tensor =>
      tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), { backend: gpu, shape });
    const [x, dx, weights] = [make(5, 2), make(1, 5, 2), [make(4, 2), make(2, 4)]];
    const evaluate = async (scales: readonly Tensor[]): Promise<number> =>
      countDispatches(gpu, async () => {
        const layers = weights.map((weight, i) => ({ weight, scale: scales[i] }));
        const results = dualMlp(x, dx, layers, 'tanh');
        await results.value.data();
        disposeTree(results);
      });
    const gates = (): Tensor[] => [make(4), make(2)];
    const [early, late] = [gates(), gates()];
    await x.data(); // what was uploaded is there
    expect(await evaluate([])).toBe(2 + 1);
    expect(await evaluate([])).toBe(1);
    expect(await evaluate(early)).toBe(2 + 1);
    expect(await evaluate(late)).toBe(2 + 1);
    disposeTree([x, dx, weights, early, late]);
  });
});
