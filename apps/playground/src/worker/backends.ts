import { createCpuBackend } from '@sparseflow/backend-cpu';
import { createTfjsBackend, DeviceLostError } from '@sparseflow/backend-tfjs';
import { BackendError, SparseflowError, type Backend } from '@sparseflow/tensor';
import type { BackendName, BackendReport } from '../protocol.ts';

/** A backend that runs, and what can be said of it. */
export interface Opened {
  readonly name: BackendName;
  readonly backend: Backend;
  report(): BackendReport;
  /** Whether pictures can have their full size whatever the machine: true of compiled kernels. */
  isFast(): boolean;
}

/** There is no WebGPU here, in words for the page. */
export class NoWebGpuError extends SparseflowError {
  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super('NO_WEBGPU', what, remedy, options);
  }
}

/** Whether an error says that a backend failed, rather than what it was given. */
export function isFailure(error: unknown): boolean {
  return error instanceof DeviceLostError || error instanceof BackendError;
}

/** @throws {NoWebGpuError} when WebGPU does not start; WebAssembly always has something to fall back to. */
export async function openBackend(name: BackendName): Promise<Opened> {
  return name === 'wasm' ? openWasm() : openWebGpu();
}

function openWasm(): Opened {
  const backend = createCpuBackend();
  return {
    name: 'wasm',
    backend,
    isFast: () => backend.describe().path === 'wasm',
    report() {
      const { path, threads } = backend.describe();
      if (path !== 'wasm') {
        const because =
          'This browser does not run WebAssembly with SIMD, so plain JavaScript does the work, many times slower.';
        return { name: 'wasm', text: 'JavaScript', because };
      }
      if (threads > 1) return { name: 'wasm', text: `WebAssembly, ${threads} threads` };
      const because = globalThis.crossOriginIsolated
        ? navigator.hardwareConcurrency > 1
          ? 'The helper threads do not run.'
          : 'This machine has one core.'
        : 'The page has no SharedArrayBuffer (it is not cross-origin isolated), so one thread does the work.';
      return { name: 'wasm', text: 'WebAssembly, 1 thread', because };
    },
  };
}

async function openWebGpu(): Promise<Opened> {
  if (!('gpu' in navigator)) {
    throw new NoWebGpuError('This browser has no WebGPU', 'use one that has it, over https or on localhost');
  }
  const backend = await createTfjsBackend('webgpu').catch((cause: unknown) => {
    const remedy = 'turn on hardware acceleration in its settings, and look whether its graphics driver is up to date';
    throw new NoWebGpuError('WebGPU does not start: this browser finds no GPU that it can use', remedy, { cause });
  });
  return { name: 'webgpu', backend, isFast: () => false, report: () => ({ name: 'webgpu', text: 'WebGPU' }) };
}
