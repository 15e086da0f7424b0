import { openKernels, type CpuBackendOptions } from './create.ts';

/**
 * The machine's peak in GFLOP/s: multiply-adds on registers alone, on the path, instruction set and threads that
 * `createCpuBackend` would take with these options. A multiply-add counts as two operations; WebAssembly computes it as two. It is
 * the best of 300 measurements of about a millisecond, or of those that a second has room for, because whatever disturbs one makes it
 * slower.
 *
 * @returns undefined on the reference path, which has no such kernel
 * @throws as createCpuBackend
 *
 * @example
 * ```ts
 * import { measurePeak } from '@sparseflow/backend-cpu';
 *
 * const peak = measurePeak({ threads: 1 });
 * console.log(peak === undefined || peak > 0); // true
 * ```
 */
export function measurePeak(options: CpuBackendOptions = {}): number | undefined {
  const { kernels, describe } = openKernels(options);
  if (kernels === undefined) return undefined;
  const results = new Float32Array(1 + 8 * describe().threads);
  let best = 0;
  const until = performance.now() + 1000;
  for (let run = 0; run < 300 && (run === 0 || performance.now() < until); run++) {
    const start = performance.now();
    kernels.call('peak', [20_000], [results], []);
    best = Math.max(best, results[0]! / (performance.now() - start) / 1e6);
  }
  return best;
}
