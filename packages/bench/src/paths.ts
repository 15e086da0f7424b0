import {
  createCpuBackend,
  describeCpu,
  measurePeak,
  type CpuBackend,
  type CpuBackendOptions,
} from '@sparseflow/backend-cpu';
import { availableParallelism } from 'node:os';
import type { Peak } from './report.ts';

/** A compiled path of backend-cpu on a number of threads. */
export interface Path {
  readonly name: string;
  readonly threads: number;
  readonly options: CpuBackendOptions;
  create(): CpuBackend;
}

/** Two threads, or as many as the machine has if that is one. */
export const THREADS = [...new Set([1, Math.min(2, availableParallelism())])];

function path(name: string, options: CpuBackendOptions, threads: number): Path {
  const all = { ...options, threads };
  return { name, threads, options: all, create: () => createCpuBackend(all) };
}

/** Whether these options run here, and on as many threads as asked. */
function runs({ options }: Path): boolean {
  try {
    return describeCpu(options).threads === options.threads;
  } catch {
    return false;
  }
}

/** The fastest native kernels and WebAssembly on 1 and 2 threads; and AVX2 where there is something faster. */
export function paths(): readonly Path[] {
  const list = THREADS.flatMap((threads) => [
    path('native', { path: 'native' }, threads),
    path('native avx2', { path: 'native', instructionSet: 'avx2' }, threads),
    path('wasm', { path: 'wasm' }, threads),
  ]).filter(runs);
  const native = list.find(({ name }) => name === 'native');
  const isAvx2 = native !== undefined && describeCpu(native.options).instructionSet === 'avx2';
  return list.filter(({ name }) => !(isAvx2 && name === 'native avx2'));
}

export function measurePeaks(list: readonly Path[]): Peak[] {
  return list.flatMap(({ name, threads, options }) => {
    const gflops = measurePeak(options);
    return gflops === undefined ? [] : [{ implementation: name, threads, gflops }];
  });
}
