import type { TfjsBackend } from '@sparseflow/backend-tfjs';

/** The device that a WebGPU backend computes on. */
export function deviceOf(backend: TfjsBackend): GPUDevice {
  return (backend.tfjs.kernelBackend as unknown as { readonly device: GPUDevice }).device;
}

/** How many kernels a call puts on the device, whoever they are from. What was computed before must have been read. */
export async function countDispatches(backend: TfjsBackend, call: () => unknown): Promise<number> {
  const device = deviceOf(backend);
  const createCommandEncoder = device.createCommandEncoder.bind(device);
  let count = 0;
  device.createCommandEncoder = (...descriptor) => {
    const encoder = createCommandEncoder(...descriptor);
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (...descriptor) => {
      const pass = beginComputePass(...descriptor);
      const dispatchWorkgroups = pass.dispatchWorkgroups.bind(pass);
      pass.dispatchWorkgroups = (...groups) => {
        count++;
        dispatchWorkgroups(...groups);
      };
      return pass;
    };
    return encoder;
  };
  try {
    await call();
    return count;
  } finally {
    device.createCommandEncoder = createCommandEncoder;
  }
}
