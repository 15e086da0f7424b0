import { BackendError } from '@sparseflow/tensor';
import { INTERFACE_VERSION, operationCodes, type Kernels } from './operations.ts';
import { wasmModule } from './wasmModule.ts';

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The parts of the WebAssembly interface that are used: it is typed with browsers' types only. */
interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** What native/wasm.cpp exports. */
interface Exports {
  readonly memory: Memory;
  interfaceVersion(): number;
  /** Where memory begins that belongs to the caller. */
  base(): number;
  /** Returns the address of a message, or 0. */
  run(
    operation: number,
    numbers: number,
    numberCount: number,
    arrays: number,
    sizes: number,
    arrayCount: number,
    free: number,
  ): number;
}

const PAGE = 65536;
/** Scratch needs room too, and addresses are 32 bits wide. */
const LARGEST = 2 ** 31 - PAGE;

const align = (address: number): number => Math.ceil(address / 16) * 16;

function instantiate(): Exports {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface };
  const bytes = Uint8Array.from(atob(wasmModule), (c) => c.charCodeAt(0));
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Exports;
}

/**
 * Starts the WebAssembly build of the kernels, with memory of its own. Operands are copied in and results out, which costs little
 * beside the work.
 *
 * @returns the kernels, or why there are none
 */
export function startWasm(): Kernels | { readonly reason: string } {
  let wasm: Exports;
  try {
    wasm = instantiate();
  } catch (cause) {
    return { reason: `WebAssembly with SIMD does not run here (${(cause as Error).message})` };
  }
  if (wasm.interfaceVersion() !== INTERFACE_VERSION)
    return { reason: 'the WebAssembly kernels are of another version' };
  const { memory } = wasm;
  const base = wasm.base();

  return {
    call(operation, numbers, results, operands) {
      const arrays = [...results, ...operands];
      const pointers = base + 8 * numbers.length;
      const sizes = pointers + 4 * arrays.length;
      let free = align(sizes + 4 * arrays.length);
      const addresses = arrays.map(({ byteLength }) => {
        const address = free;
        free = align(free + byteLength);
        return address;
      });
      reserve(memory, free);
      new Float64Array(memory.buffer, base, numbers.length).set(numbers);
      new Uint32Array(memory.buffer, pointers, arrays.length).set(addresses);
      new Int32Array(memory.buffer, sizes, arrays.length).set(arrays.map(({ length }) => length));
      operands.forEach((array, i) => {
        new Float32Array(memory.buffer, addresses[results.length + i], array.length).set(array);
      });
      const message = wasm.run(operationCodes[operation], base, numbers.length, pointers, sizes, arrays.length, free);
      if (message !== 0) throw failure(read(memory, message));
      // A call may have grown the memory, so its buffer is asked for again.
      results.forEach((array, i) => array.set(new Float32Array(memory.buffer, addresses[i], array.length)));
    },
  };
}

function reserve(memory: Memory, end: number): void {
  const missing = end - memory.buffer.byteLength;
  if (missing <= 0) return;
  if (end > LARGEST) throw failure('not enough memory');
  try {
    memory.grow(Math.ceil(missing / PAGE));
  } catch {
    throw failure('not enough memory');
  }
}

function failure(what: string): BackendError {
  return new BackendError(
    'wasm',
    what,
    'give operands of the sizes that the operation expects, in fewer or smaller batches if memory ran out',
  );
}

/** A message of the module, ended by a zero byte. */
function read(memory: Memory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
