import { BackendError } from '@sparseflow/tensor';
import { INTERFACE_VERSION, operationCodes, type Kernels } from './operations.ts';

/** What native/addon.cpp exports. */
interface Addon {
  readonly interfaceVersion: number;
  instructionSets(): NativeInstructionSet[];
  open(
    instructionSet: string,
    threads: number,
  ): (((operation: number, numbers: Float64Array, arrays: Float32Array[]) => void) & { threads: number }) | undefined;
}

export type NativeInstructionSet = 'avx512' | 'avx2' | 'baseline';

export interface NativeKernels extends Kernels {
  /** The threads that run. */
  readonly threads: number;
}

export interface NativeAddon {
  /** The instruction sets that this processor has, the fastest first. */
  readonly instructionSets: readonly NativeInstructionSet[];
  /** Kernels that run on `threads` threads, or as many as the system grants; the helper threads sleep while nothing is called. */
  open(instructionSet: string, threads: number): NativeKernels;
}

const REBUILD =
  'run `node scripts/build-native.mjs` in the folder of @sparseflow/backend-cpu (it needs a C++ compiler)';

/**
 * Loads the compiled addon. Modules of Node are asked for at run time, so that a bundler for the browser finds none here.
 *
 * @returns the addon, or why there is none, with what to do
 */
export function loadAddon(): NativeAddon | { readonly reason: string } {
  const {
    getBuiltinModule: builtin,
    platform,
    arch,
  } = (globalThis as { process?: Partial<NodeJS.Process> }).process ?? {};
  if (builtin === undefined) return { reason: 'native kernels need Node 20.16 or later' };
  const here = import.meta.url;
  if (!here.startsWith('file:')) return { reason: 'native kernels are not loaded from a bundle' };
  let addon: Addon;
  try {
    addon = builtin('node:module').createRequire(here)(`../build/sparseflow-${platform}-${arch}.node`) as Addon;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'MODULE_NOT_FOUND' ? 'are not compiled' : `do not load (${message.split('\n')[0]})`;
    return { reason: `the native kernels ${why}; to compile them, ${REBUILD}` };
  }
  if (addon.interfaceVersion !== INTERFACE_VERSION) {
    const versions = `interface ${addon.interfaceVersion} instead of ${INTERFACE_VERSION}`;
    return { reason: `the native kernels are of another version (${versions}); to compile them again, ${REBUILD}` };
  }
  return {
    instructionSets: addon.instructionSets(),
    open: (instructionSet, threads) => open(addon, instructionSet, threads),
  };
}

function open(addon: Addon, instructionSet: string, threads: number): NativeKernels {
  const run = addon.open(instructionSet, threads);
  if (run === undefined) {
    const have = addon.instructionSets().join(', ');
    throw new BackendError(
      'native',
      `this processor has no '${instructionSet}' (it has ${have})`,
      'name one that it has, or none',
    );
  }
  // One array for each count of numbers: a new one for each call would cost as much as a small kernel.
  const scratch: Float64Array[] = [];
  return {
    threads: run.threads,
    copiesOperands: false,
    call(operation, numbers, results, operands) {
      const doubles = (scratch[numbers.length] ??= new Float64Array(numbers.length));
      doubles.set(numbers);
      try {
        run(operationCodes[operation], doubles, results.concat(operands));
      } catch (cause) {
        const remedy =
          'give operands of the sizes that the operation expects, in fewer or smaller batches if memory ran out';
        throw new BackendError('native', (cause as Error).message, remedy, { cause });
      }
    },
  };
}
