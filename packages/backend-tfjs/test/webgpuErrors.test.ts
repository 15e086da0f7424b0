import { BackendError, tensor } from '@sparseflow/tensor';
import { describe, expect, it } from 'vitest';
import { enableSoftwareWebGpu, requireOrExplain } from '../../../test-support/environment.ts';
import { createTfjsBackend } from '../src/index.ts';

describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))(
  'a WebGPU device that reports an error',
  () => {
    it('makes the next download throw, and only that', async () => {
      const backend = await createTfjsBackend('webgpu');
      const { device } = backend.tfjs.kernelBackend as unknown as { device: GPUDevice };
      const x = tensor([1, 2], { backend });
      expect([...(await x.data())]).toEqual([1, 2]);
      device.createShaderModule({ code: 'this is not WGSL' });
      await device.queue.onSubmittedWorkDone();
      await expect(x.data()).rejects.toThrow(BackendError);
      expect([...(await x.data())]).toEqual([1, 2]);
      x.dispose();
      expect(backend.liveBuffers()).toBe(0);
    });
  },
);
