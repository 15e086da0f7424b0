import { requireOrExplain } from '../../../test-support/environment.ts';
import { createCpuBackend, type CpuBackend, type CpuBackendOptions } from '../src/index.ts';
import { loadAddon, type NativeAddon } from '../src/native.ts';

/** One way to run the kernels on this machine. */
export interface Machine {
  readonly name: string;
  readonly create: (options?: CpuBackendOptions) => CpuBackend;
}

const addon = loadAddon();
const native = requireOrExplain('the native kernels', 'open' in addon, 'apt-get install g++ && pnpm build')
  ? (addon as NativeAddon).instructionSets
  : [];

/** An emulated processor (test/emulated) is there for its native kernels. */
const emulated = process.env['EMULATED_NODE'] !== undefined;

/** Every instruction set of this processor, and WebAssembly. */
export const machines: readonly Machine[] = [
  ...native.map((instructionSet) => ({
    name: `native ${instructionSet}`,
    create: (options?: CpuBackendOptions) => createCpuBackend({ ...options, path: 'native', instructionSet }),
  })),
  ...(emulated
    ? []
    : [{ name: 'wasm', create: (options?: CpuBackendOptions) => createCpuBackend({ ...options, path: 'wasm' }) }]),
];
