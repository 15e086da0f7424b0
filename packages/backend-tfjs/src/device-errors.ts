import type { KernelBackend } from '@tensorflow/tfjs-core';
import { BackendError, SparseflowError } from '@sparseflow/tensor';

/**
 * The GPU went away while it was in use: its driver was reset, it was unplugged, the browser took it back, or `device.destroy()` was
 * called. Everything on it is gone, and every further use of this backend throws this again, except `dispose`.
 *
 * An application goes on from the last state that it read back (parameters, optimiser state, random key), on another backend, or on
 * this one opened again: after a loss `createTfjsBackend('webgpu')` starts a new device.
 *
 * @example
 * ```ts
 * import { createTfjsBackend, DeviceLostError } from '@sparseflow/backend-tfjs';
 * import { square, tensor, type Backend } from '@sparseflow/tensor';
 *
 * let state = [1, 2]; // on the host
 * const advance = async (backend: Backend): Promise<void> => {
 *   state = [...(await square(tensor(state, { backend })).data())];
 * };
 * try {
 *   await advance(await createTfjsBackend('wasm'));
 * } catch (error) {
 *   if (!(error instanceof DeviceLostError)) throw error;
 *   await advance(await createTfjsBackend('cpu'));
 * }
 * console.log(state); // [1, 4]
 * ```
 */
export class DeviceLostError extends SparseflowError {
  constructor(backend: string, reason: string, options?: ErrorOptions) {
    super(
      'DEVICE_LOST',
      `backend '${backend}': the device was lost: ${reason}`,
      'go on from the last state that was read back, on another backend or on a new createTfjsBackend',
      options,
    );
  }
}

/** What is known of the device under a backend; GPUs report as events, later, and go on with wrong numbers. */
export interface DeviceWatch {
  readonly isLost: () => boolean;
  /** @throws {DeviceLostError} when the device is lost. */
  readonly assertPresent: () => void;
  /** Made wherever numbers come back to the host. @throws {DeviceLostError} @throws {BackendError} the first error since the last check. */
  readonly assertSound: () => void;
  /** A read failed: waits a moment for the loss that may explain it. */
  readonly explain: () => Promise<void>;
}

/** For backends without a device. */
export const noDevice: DeviceWatch = {
  isLost: () => false,
  assertPresent: () => {},
  assertSound: () => {},
  explain: () => Promise.resolve(),
};

/** A read is rejected some turns of the event loop before the loss is told. */
const LOSS_IS_TOLD_WITHIN_MS = 1000;

/** Watches the WebGPU device of a tfjs backend. */
export function watchDevice(label: string, kernelBackend: KernelBackend): DeviceWatch {
  const { device } = kernelBackend as unknown as { device: GPUDevice };
  let failure: string | undefined;
  let lost: string | undefined;
  device.addEventListener('uncapturederror', (event) => {
    failure ??= (event as GPUUncapturedErrorEvent).error.message;
  });
  const loss = device.lost.then(({ message, reason }) => {
    lost = message.replace(/\.+$/, '') || reason;
  });
  const assertPresent = (): void => {
    if (lost !== undefined) throw new DeviceLostError(label, lost);
  };
  return {
    isLost: () => lost !== undefined,
    assertPresent,
    assertSound() {
      assertPresent();
      if (failure === undefined) return;
      const message = failure;
      failure = undefined;
      throw new BackendError(
        label,
        `the device reported: ${message}`,
        'use smaller operands, and do not use what was computed since the last download',
      );
    },
    async explain() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([loss, new Promise((resolve) => (timer = setTimeout(resolve, LOSS_IS_TOLD_WITHIN_MS)))]);
      clearTimeout(timer);
    },
  };
}
