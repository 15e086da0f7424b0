import { BackendError } from '@sparseflow/tensor';
import { INTERFACE_VERSION, operationCodes, type Kernels } from './operations.ts';
import { startHelpers, type Helpers } from './wasmHelpers.ts';
import { SHARED_FLAG, wasmModule } from './wasmModule.ts';
import type { WasmMemory, WasmModule, WebAssemblyInterface } from './webAssembly.ts';

/** What native/wasm.cpp exports. */
interface Exports {
  interfaceVersion(): number;
  /** Where memory begins that belongs to the caller. */
  base(threads: number): number;
  /** Returns the address of a message, 0, or `LOST`. */
  run(
    operation: number,
    numbers: number,
    numberCount: number,
    arrays: number,
    sizes: number,
    arrayCount: number,
    free: number,
    threads: number,
    maySleep: number,
  ): number;
}

/** Kernels in WebAssembly, and what has become of their threads. */
export interface WasmKernels extends Kernels {
  /** How many threads share the work, the calling one included, and why they are not as many as were asked for. */
  state(): { readonly threads: number; readonly reason?: string };
}

/** An instance with memory of its own. */
interface Machine {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly exports: Exports;
}

const PAGE = 65536;
const FIRST_PAGES = 16;
/** Scratch needs room too, and addresses are 32 bits wide. */
const LARGEST = 2 ** 31 - PAGE;
/** As in native/wasm.cpp. */
const LOST = 1;

const align = (address: number): number => Math.ceil(address / 64) * 64;

/** One for each number of threads that is in use: helpers live as long as the process or page. */
const started = new Map<number, WasmKernels>();

/**
 * Starts the WebAssembly build of the kernels. Operands are copied in and results out, which costs little beside the work.
 *
 * More than one thread needs shared memory. Where there is none one thread does the work, as it does what helpers do not: those
 * that have not started yet, cannot start or are lost only make it slower. Results are the same.
 *
 * @returns the kernels, or why there are none
 */
export function startWasm(threads = 1): WasmKernels | { readonly reason: string } {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyInterface };
  if (WebAssembly === undefined) return { reason: 'there is no WebAssembly here' };
  const obstacle = threads > 1 ? whyNotShared() : undefined;
  const count = obstacle === undefined ? threads : 1;
  let kernels = started.get(count);
  if (kernels === undefined) {
    try {
      kernels = open(WebAssembly, count);
    } catch (cause) {
      return { reason: `WebAssembly with SIMD does not run here (${(cause as Error).message})` };
    }
    started.set(count, kernels);
  }
  return obstacle === undefined ? kernels : { ...kernels, state: () => ({ threads: 1, reason: obstacle }) };
}

function whyNotShared(): string | undefined {
  const { SharedArrayBuffer: shared, crossOriginIsolated } = globalThis as {
    readonly SharedArrayBuffer?: unknown;
    readonly crossOriginIsolated?: boolean;
  };
  if (shared !== undefined && crossOriginIsolated !== false) return undefined;
  return 'one thread, since without SharedArrayBuffer there are no more (the page is not cross-origin isolated: serve it with COOP and COEP headers)';
}

function instantiate(WebAssembly: WebAssemblyInterface, shared: boolean): Machine {
  const bytes = Uint8Array.from(atob(wasmModule), (c) => c.charCodeAt(0));
  if (!shared) bytes[SHARED_FLAG] = 1;
  const module = new WebAssembly.Module(bytes);
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: 2 ** 31 / PAGE, shared });
  const env = { memory, now: () => performance.now() };
  const exports = new WebAssembly.Instance(module, { env }).exports as Exports;
  if (exports.interfaceVersion() !== INTERFACE_VERSION) throw new Error('it is of another version');
  return { module, memory, exports };
}

function open(WebAssembly: WebAssemblyInterface, threads: number): WasmKernels {
  let machine = instantiate(WebAssembly, threads > 1);
  let count = threads;
  /** From the first call on. */
  let helpers: Helpers | undefined;
  let lost: string | undefined;
  /** Leaves the memory, in which a lost helper may still write, and goes on alone. */
  const retire = (): void => {
    helpers?.stop();
    count = 1;
    lost = 'one thread, since a helper was lost in the middle of its work';
    console.warn(`@sparseflow/backend-cpu: ${lost}`);
    machine = instantiate(WebAssembly, false);
  };
  const maySleep = threads > 1 && mayWait();

  return {
    copiesOperands: true,
    state() {
      const reason = lost ?? helpers?.reason;
      return { threads: helpers ? 1 + helpers.running : count, ...(reason !== undefined && { reason }) };
    },
    call(operation, numbers, results, operands) {
      const { module, memory, exports } = machine;
      const arrays = [...results, ...operands];
      const base = exports.base(count);
      const pointers = base + 8 * numbers.length;
      const sizes = pointers + 4 * arrays.length;
      let free = align(sizes + 4 * arrays.length);
      const addresses = arrays.map(({ byteLength }) => {
        const address = free;
        free = align(free + byteLength);
        return address;
      });
      reserve(memory, free);
      if (count > 1) helpers ??= startHelpers(module, memory, count - 1);
      new Float64Array(memory.buffer, base, numbers.length).set(numbers);
      new Uint32Array(memory.buffer, pointers, arrays.length).set(addresses);
      new Int32Array(memory.buffer, sizes, arrays.length).set(arrays.map(({ length }) => length));
      operands.forEach((array, i) => {
        new Float32Array(memory.buffer, addresses[results.length + i], array.length).set(array);
      });
      const code = operationCodes[operation];
      const place = [base, numbers.length, pointers, sizes, arrays.length, free] as const;
      const message = exports.run(code, ...place, count, Number(maySleep));
      if (message === LOST) {
        retire();
        return this.call(operation, numbers, results, operands);
      }
      if (message !== 0) throw failure(read(memory, message));
      // A call may have grown the memory, so its buffer is asked for again.
      results.forEach((array, i) => array.set(new Float32Array(memory.buffer, addresses[i], array.length)));
    },
  };
}

/** Whether this thread may sleep: that of a page may not. */
function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}

function reserve(memory: WasmMemory, end: number): void {
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
function read(memory: WasmMemory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
