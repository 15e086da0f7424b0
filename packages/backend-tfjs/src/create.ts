import type { KernelBackend } from '@tensorflow/tfjs-core';
import { BackendError } from '@sparseflow/tensor';
import { wrapKernelBackend, type TfjsBackend } from './backend.ts';
import { backendPackages, importCore, importPackage } from './modules.ts';
import { TFJS_BACKEND_NAMES, type TfjsBackendName } from './names.ts';
import { noDevice, watchDevice, type DeviceWatch } from './device-errors.ts';
import { installNodeWebGpu, type NodeWebGpuOptions } from './node-webgpu.ts';
import { tfjsName, type TfjsCore } from './runtime.ts';

/** Options of {@link createTfjsBackend}. */
export interface TfjsBackendOptions extends NodeWebGpuOptions {
  /** The tfjs-core to register with. Default: the one that `@tensorflow/tfjs-core` resolves to. */
  readonly tf?: TfjsCore;
  /**
   * wasm: where the .wasm files are; a folder's URL that ends in '/', or one URL for each of the three file names. Needed in browsers,
   * where bundlers move them.
   */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
  /** wasm in browsers: the number of threads. Only pages with cross-origin isolation have any; Node has none. */
  readonly threads?: number;
}

/** The wasm package's settings, which must be made before its backend starts. */
interface WasmModule {
  setWasmPaths(paths: string | Readonly<Record<string, string>>): void;
  setThreadsCount(count: number): void;
}

/** One Backend per tfjs backend, so that tensors made through two calls can be mixed. */
const wrapped = new WeakMap<KernelBackend, { readonly backend: TfjsBackend; readonly device: DeviceWatch }>();

/** Backends that are being started, so that two calls start one. */
const starting = new WeakMap<object, Map<TfjsBackendName, Promise<KernelBackend>>>();

/**
 * A Backend that runs on the forward kernels of one TensorFlow.js backend, in float32 (int32 for indices). It is independent of
 * tfjs's globally selected backend, tape and `tidy`; several may be in use at once. Asking for the same name again gives the same
 * Backend, unless its device was lost ({@link DeviceLostError}): then a new one.
 *
 * - `cpu`: plain JavaScript; anywhere, slow.
 * - `wasm`: WebAssembly with SIMD; anywhere.
 * - `webgl`: browsers.
 * - `webgpu`: browsers that have it, and Node through the package `webgpu`.
 * - `node-gpu`: CUDA through `@tensorflow/tfjs-node-gpu`; Linux and Windows, Node below 23.
 *
 * Each needs its tfjs package installed, next to `@tensorflow/tfjs-core`.
 *
 * @throws {BackendError} when the package is missing or does not load, or this machine has no such device; the message says what to do.
 *
 * @example
 * ```ts
 * import { createTfjsBackend } from '@sparseflow/backend-tfjs';
 * import { matMul, tensor } from '@sparseflow/tensor';
 *
 * const backend = await createTfjsBackend('wasm');
 * const a = tensor([[1, 2], [3, 4]], { backend });
 * console.log(await matMul(a, a).data()); // Float32Array [7, 10, 15, 22]
 * ```
 */
export async function createTfjsBackend(name: TfjsBackendName, options: TfjsBackendOptions = {}): Promise<TfjsBackend> {
  const label = `tfjs-${name}`;
  if (!TFJS_BACKEND_NAMES.includes(name)) {
    throw new BackendError(
      label,
      'there is no such TensorFlow.js backend',
      `use one of ${TFJS_BACKEND_NAMES.join(', ')}`,
    );
  }
  const core = options.tf ?? (await importCore(label));
  const pending = starting.get(core.engine()) ?? new Map<TfjsBackendName, Promise<KernelBackend>>();
  starting.set(core.engine(), pending);
  let start = pending.get(name);
  if (start === undefined) {
    start = startKernelBackend(label, name, core, options).finally(() => pending.delete(name));
    pending.set(name, start);
  }
  const kernelBackend = await start;
  const existing = wrapped.get(kernelBackend);
  if (existing) return existing.backend;
  for (const kernel of core.getKernelsForBackend(tfjsName(name))) kernel.setupFunc?.(kernelBackend);
  // Its first write in Node otherwise prints an advertisement.
  if (name === 'cpu') (kernelBackend as unknown as { firstUse: boolean }).firstUse = false;
  const device = name === 'webgpu' ? watchDevice(label, kernelBackend) : noDevice;
  const backend = wrapKernelBackend(name, core, kernelBackend, device);
  wrapped.set(kernelBackend, { backend, device });
  return backend;
}

async function startKernelBackend(
  label: string,
  name: TfjsBackendName,
  core: TfjsCore,
  options: TfjsBackendOptions,
): Promise<KernelBackend> {
  const registered = tfjsName(name);
  const engine = core.engine();
  const running = engine.registry[registered];
  if (running && !wrapped.get(running)?.device.isLost()) return running;
  // Only forgotten: what still refers to the lost one must find it to be disposed.
  delete engine.registry[registered];

  await checkPlatform(label, name, options);
  if (name === 'wasm')
    configureWasm(await importPackage<WasmModule>(label, backendPackages.wasm, 'setWasmPaths'), options);
  else if (!core.findBackendFactory(registered)) await importPackage(label, backendPackages[name], 'default');
  const factory = core.findBackendFactory(registered);
  if (!factory) {
    throw new BackendError(
      label,
      `'${backendPackages[name]}' did not register with the tfjs-core in use`,
      'keep a single @tensorflow/tfjs-core 4.22.0 (npm ls @tensorflow/tfjs-core), pass it as options.tf, and for webgpu call installNodeWebGpu() before importing the package',
    );
  }

  // Not engine.setBackend: that would change the backend that the rest of the application computes on.
  let started: KernelBackend;
  try {
    started = await factory();
  } catch (cause) {
    throw new BackendError(label, `did not start: ${messageOf(cause)}`, startRemedy(name), { cause: cause as Error });
  }
  // Not floatPrecision(), which computes on the globally selected backend and mixes the two answers up.
  if (
    name === 'webgl' &&
    !(core.env().getNumber('WEBGL_VERSION') === 2 && core.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED'))
  ) {
    throw new BackendError(
      label,
      'this device does not have WebGL 2 with 32-bit float textures',
      'use webgpu, wasm or cpu',
    );
  }
  // The application may have started it meanwhile; wasm kernels serve one instance at a time.
  return (engine.registry[registered] ??= started);
}

async function checkPlatform(label: string, name: TfjsBackendName, options: TfjsBackendOptions): Promise<void> {
  const inNode = isNode();
  if (name === 'webgl' && inNode) {
    throw new BackendError(label, 'WebGL needs a browser', 'use wasm, webgpu or node-gpu in Node');
  }
  if (name === 'node-gpu' && !inNode) {
    throw new BackendError(label, 'it needs Node', 'use webgpu, webgl or wasm in a browser');
  }
  if (name !== 'webgpu') return;
  if (inNode) await installNodeWebGpu(options);
  const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!gpu)
    throw new BackendError(
      label,
      'this browser has no WebGPU',
      'use a browser that has it, over https or on localhost, or use webgl or wasm',
    );
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter)
    throw new BackendError(
      label,
      'WebGPU finds no adapter',
      inNode ? NODE_ADAPTER_REMEDY : 'enable hardware acceleration, or use wasm',
    );
}

const NODE_ADAPTER_REMEDY =
  "install a graphics driver with Vulkan (Debian: libvulkan1 and the GPU vendor's driver), or for software rendering set VK_ICD_FILENAMES to SwiftShader's " +
  'vk_swiftshader_icd.json (Debian: in the package chromium) before Node starts';

function configureWasm(module: WasmModule, options: TfjsBackendOptions): void {
  if (options.wasmPaths !== undefined) module.setWasmPaths(options.wasmPaths);
  if (options.threads !== undefined) module.setThreadsCount(options.threads);
}

function startRemedy(name: TfjsBackendName): string {
  if (name === 'wasm')
    return 'in a browser, pass wasmPaths: where the .wasm files of @tensorflow/tfjs-backend-wasm/dist are served; then reload the page';
  return 'update the graphics driver, or use wasm';
}

function isNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string' && !('window' in globalThis);
}

function messageOf(cause: unknown): string {
  // The wasm package rejects with a plain object.
  const message = typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause;
  return String(message).replace(/\.+$/, '');
}
