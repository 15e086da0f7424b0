import type { KernelBackend } from '@tensorflow/tfjs-core';
import { BackendError } from '@sparseflow/tensor';

/**
 * WebGPU reports errors as events, later, and goes on with wrong numbers. Returns a check that throws the first error since the last
 * check; it is made wherever numbers come back to the host. A lost device stays lost.
 */
export function watchDevice(label: string, kernelBackend: KernelBackend): () => void {
  const { device } = kernelBackend as unknown as { device: GPUDevice };
  let failure: string | undefined;
  let lost: string | undefined;
  device.addEventListener('uncapturederror', (event) => {
    failure ??= (event as GPUUncapturedErrorEvent).error.message;
  });
  void device.lost.then((info) => {
    lost = info.message || info.reason;
  });
  return () => {
    if (lost !== undefined)
      throw new BackendError(label, `the device was lost: ${lost}`, 'restart the process or reload the page');
    if (failure === undefined) return;
    const message = failure;
    failure = undefined;
    throw new BackendError(
      label,
      `the device reported: ${message}`,
      'use smaller operands, and do not use what was computed since the last download',
    );
  };
}
