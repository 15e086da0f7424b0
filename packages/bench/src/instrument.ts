import type { Backend, FusedKernel } from '@sparseflow/tensor';

/** What is neither computation nor moving numbers: not counted as a kernel. */
const BOOKKEEPING = new Set(['name', 'dtypes', 'dispose', 'liveBuffers', 'describe', 'fused']);

/** The same backend, with a clock on its kernels. */
export interface Instrumented {
  readonly backend: Backend;
  /** Milliseconds spent in kernels since the last call. */
  take(): number;
}

/** Puts a clock around every kernel of a backend; reading it costs about 0.1 µs a call, which counts as outside. */
export function instrument(backend: Backend): Instrumented {
  let total = 0;
  const timed = <Args extends unknown[], Result>(kernel: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      const start = performance.now();
      const result = kernel(...args);
      total += performance.now() - start;
      return result;
    };
  };
  const entries = Object.entries(backend).map(([name, member]: [string, unknown]) => [
    name,
    typeof member === 'function' && !BOOKKEEPING.has(name) ? timed(member as (...args: unknown[]) => unknown) : member,
  ]);
  const fused = Object.entries(backend.fused ?? {}).map(([name, kernel]) => [
    name,
    timed<Parameters<FusedKernel>, ReturnType<FusedKernel>>(kernel),
  ]);
  return {
    backend: {
      ...(Object.fromEntries(entries) as Backend),
      fused: Object.fromEntries(fused) as Record<string, FusedKernel>,
    },
    take() {
      const taken = total;
      total = 0;
      return taken;
    },
  };
}
