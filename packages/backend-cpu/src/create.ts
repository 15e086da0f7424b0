import { BackendError, ValueError, type Backend } from '@sparseflow/tensor';
import { createArrayBackend } from '@sparseflow/tensor/reference';
import { extend } from './extend.ts';
import { loadAddon } from './native.ts';
import type { Kernels } from './operations.ts';
import { createPool } from './pool.ts';
import { startWasm } from './wasm.ts';

/** How kernels are reached, the fastest first. */
export type CpuPath = 'native' | 'wasm' | 'reference';

/**
 * How many numbers may wait in freed arrays. 1 GiB is what a step of an image flow needs, whose arrays are the dearest to make, as each page
 * of a new one is a fault. WebAssembly is for browsers, whose pages should be small: 64 MB.
 */
const WAITING: Readonly<Record<CpuPath, number>> = { native: 2 ** 28, wasm: 2 ** 24, reference: 0 };

/** `baseline` is SSE2 on x64 and NEON on arm64; `simd128` is WebAssembly's. */
export type InstructionSet = 'avx512' | 'avx2' | 'baseline' | 'simd128';

export interface CpuBackendOptions {
  /**
   * Threads that share the work, the calling one included; the reference kernels use one. Results do not depend on it. Default:
   * one for each core, up to 8.
   */
  readonly threads?: number;
  /** Default: the widest that the processor has. */
  readonly instructionSet?: InstructionSet;
  /** Default: the fastest that works here. */
  readonly path?: CpuPath;
}

/** What runs, and why. */
export interface CpuDescription {
  readonly path: CpuPath;
  readonly instructionSet: InstructionSet | 'none';
  /** Threads that share the work now. */
  readonly threads: number;
  /** Why this path and not a faster one, and why not as many threads as were asked for. */
  readonly reason: string;
}

/** A backend that says how it runs. */
export interface CpuBackend extends Backend {
  describe(): CpuDescription;
}

interface Choice {
  describe(): CpuDescription;
  /** Why not as many threads as were asked for, where that is known from the start. */
  readonly limit?: string;
  readonly kernels?: Kernels;
}

/** A path that can be taken. */
interface Way {
  readonly instructionSet: InstructionSet | 'none';
  /** The threads there are now, and why they are not as many as were asked for. */
  state(): { readonly threads: number; readonly reason?: string };
  readonly kernels?: Kernels;
}

/** Tries one path; what it returns instead of a way is why not. */
type Attempt = (options: CpuBackendOptions) => Way | { readonly reason: string };

const attempts: Readonly<Record<CpuPath, Attempt>> = {
  native({ threads = defaultThreads(), instructionSet }) {
    if (instructionSet === 'simd128') return { reason: "'simd128' is WebAssembly's" };
    const addon = loadAddon();
    if ('reason' in addon) return addon;
    const chosen = instructionSet ?? addon.instructionSets[0]!;
    if (!addon.instructionSets.includes(chosen)) {
      return { reason: `this processor has ${addon.instructionSets.join(', ')}, not '${chosen}'` };
    }
    const kernels = addon.open(chosen, threads);
    const state = {
      threads: kernels.threads,
      ...(kernels.threads < threads && { reason: `the system starts no more than that of ${threads} threads` }),
    };
    return { instructionSet: chosen, state: () => state, kernels };
  },
  wasm({ threads = defaultThreads(), instructionSet = 'simd128' }) {
    if (instructionSet !== 'simd128') return { reason: `WebAssembly has no '${instructionSet}'` };
    const kernels = startWasm(threads);
    return 'reason' in kernels ? kernels : { instructionSet, state: kernels.state, kernels };
  },
  reference({ instructionSet }) {
    return instructionSet
      ? { reason: 'the reference kernels use no instruction set' }
      : { instructionSet: 'none', state: () => ({ threads: 1 }) };
  },
};

/** The kernels that these options ask for; none on the reference path. */
export function openKernels(options: CpuBackendOptions): Choice {
  const { threads, instructionSet, path } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 256)) {
    throw new ValueError('createCpuBackend', `threads is ${threads}`, 'give a whole number from 1 to 256');
  }
  const reasons: string[] = [];
  for (const candidate of path ? [path] : (['native', 'wasm', 'reference'] as const)) {
    const attempt = attempts[candidate](options);
    if ('reason' in attempt) {
      reasons.push(attempt.reason);
      continue;
    }
    const { kernels, instructionSet, state } = attempt;
    const { reason: limit } = state();
    const why = reasons.join('; ') || (path ? 'it was asked for' : 'it is the fastest');
    return {
      describe() {
        const { threads, reason } = state();
        return { path: candidate, instructionSet, threads, reason: reason === undefined ? why : `${why}; ${reason}` };
      },
      ...(limit !== undefined && { limit }),
      ...(kernels && { kernels }),
    };
  }
  const asked = [path, instructionSet].filter((x) => x !== undefined).join(', ');
  throw new BackendError(
    'cpu',
    `${asked} is not available: ${reasons.join('; ')}`,
    'ask for another path or instruction set, or for none',
  );
}

function isNode(): boolean {
  return (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
}

function defaultThreads(): number {
  const { process, navigator } = globalThis as {
    process?: NodeJS.Process;
    navigator?: { hardwareConcurrency?: number };
  };
  const cores = process?.getBuiltinModule?.('node:os').availableParallelism() ?? navigator?.hardwareConcurrency ?? 1;
  return Math.min(cores, 8);
}

/**
 * A backend for float32 at the processor's speed: whole networks with their tangents and reverse passes, Runge-Kutta stages, the
 * optimiser's update, matrix products and elementwise operations run as compiled, vectorised, threaded kernels on ordinary typed
 * arrays. Everything else, and float64, runs on the reference kernels. Results are bit-identical for any number of threads.
 *
 * Where the native kernels are not compiled (browsers, machines without a compiler) the same source runs as WebAssembly, and in Node
 * one line on the console says so; naming a `path` or an `instructionSet` makes that an error instead. A line also says where there
 * cannot be as many threads as were asked for, as in a page without SharedArrayBuffer.
 *
 * @throws {BackendError} when the path or instruction set that is asked for is not available
 * @throws {ValueError} for a number of threads outside 1 to 256
 *
 * @example
 * ```ts
 * import { matMul, tensor } from '@sparseflow/tensor';
 * import { createCpuBackend } from '@sparseflow/backend-cpu';
 *
 * const backend = createCpuBackend();
 * const a = tensor([[1, 2], [3, 4]], { backend });
 * console.log(matMul(a, a).dataSync()); // Float32Array [7, 10, 15, 22]
 * ```
 */
export function createCpuBackend(options: CpuBackendOptions = {}): CpuBackend {
  const { describe, limit, kernels } = openKernels(options);
  const { path, reason } = describe();
  // In a browser WebAssembly is what is expected; in Node it means that something is missing.
  const expected = isNode() ? 'native' : 'wasm';
  if (path !== expected && options.path === undefined && options.instructionSet === undefined) {
    console.warn(`@sparseflow/backend-cpu: runs on '${path}': ${reason}`);
  } else if (limit !== undefined) {
    console.warn(`@sparseflow/backend-cpu: ${limit}`);
  }
  const pool = createPool(WAITING[path]);
  const backend = createArrayBackend({
    name: path,
    dtypes: ['float32', 'float64', 'int32'],
    ...(kernels && { extend: (tools) => extend(tools, kernels, pool), recycle: pool.give }),
  });
  return { ...backend, describe };
}

/**
 * Which path `createCpuBackend` takes with these options, why, and on how many threads.
 *
 * @throws as createCpuBackend
 *
 * @example
 * ```ts
 * import { describeCpu } from '@sparseflow/backend-cpu';
 *
 * const { path, instructionSet, threads, reason } = describeCpu();
 * console.log(`${path} (${instructionSet}, ${threads} threads): ${reason}`);
 * ```
 */
export function describeCpu(options: CpuBackendOptions = {}): CpuDescription {
  return openKernels(options).describe();
}
