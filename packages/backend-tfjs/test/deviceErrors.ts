import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { TfjsBackend } from '../src/index.ts';

/** WGSL and validation errors are events; without this a wrong kernel may give plausible numbers. */
export function failOnDeviceErrors(create: () => Promise<TfjsBackend>): void {
  const errors: string[] = [];
  let device: GPUDevice;
  const take = (): string[] => errors.splice(0);
  beforeAll(async () => {
    device = ((await create()).tfjs.kernelBackend as unknown as { device: GPUDevice }).device;
    device.addEventListener('uncapturederror', (event) =>
      errors.push((event as GPUUncapturedErrorEvent).error.message),
    );
  });
  afterEach(() => expect(take()).toEqual([]));
  // Errors arrive after the work is done.
  afterAll(async () => {
    await device.queue.onSubmittedWorkDone();
    expect(take()).toEqual([]);
  });
}
