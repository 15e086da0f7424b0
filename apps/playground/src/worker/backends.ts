import { createCpuBackend } from '@sparseflow/backend-cpu';
import { createTfjsBackend } from '@sparseflow/backend-tfjs';
import type { Backend } from '@sparseflow/tensor';
import type { BackendName, BackendReport } from '../protocol.ts';

/** A backend that runs, and what can be said of it. */
export interface Opened {
  readonly name: BackendName;
  readonly backend: Backend;
  report(): BackendReport;
  /** Whether pictures can have their full size whatever the machine: true of compiled kernels. */
  isFast(): boolean;
}

/** @throws {BackendError} when there is no WebGPU here; WebAssembly always has something to fall back to. */
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
  const backend = await createTfjsBackend('webgpu');
  return { name: 'webgpu', backend, isFast: () => false, report: () => ({ name: 'webgpu', text: 'WebGPU' }) };
}
