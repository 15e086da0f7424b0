import { importPackage } from './modules.ts';

interface DawnModule {
  create(flags: string[]): GPU;
  readonly globals: object;
}

/** Options of {@link installNodeWebGpu}. */
export interface NodeWebGpuOptions {
  /** Passed to Dawn, e.g. `['backend=vulkan', 'adapter=NVIDIA']`. */
  readonly dawnFlags?: readonly string[];
}

/**
 * Gives Node a `navigator.gpu` from the npm package `webgpu` (Dawn). Does nothing where there is one already, so it is safe to call
 * anywhere. `createTfjsBackend('webgpu')` calls it; call it yourself before importing `@tensorflow/tfjs-backend-webgpu` by hand,
 * since that package looks for `navigator.gpu` when it is imported.
 *
 * Whether a GPU can be used is only known when an adapter is requested. On a machine without one, Dawn accepts a software driver:
 * set `VK_ICD_FILENAMES` to SwiftShader's `vk_swiftshader_icd.json` before this is called.
 *
 * @returns whether it installed one
 * @throws {BackendError} when the package `webgpu` is not installed or does not load.
 *
 * @example
 * ```ts
 * import { installNodeWebGpu } from '@sparseflow/backend-tfjs';
 *
 * await installNodeWebGpu();
 * console.log('gpu' in navigator); // true
 * ```
 */
export async function installNodeWebGpu(options: NodeWebGpuOptions = {}): Promise<boolean> {
  const scope = globalThis as { navigator?: object };
  if (scope.navigator && 'gpu' in scope.navigator && scope.navigator.gpu) return false;
  const { create, globals } = await importPackage<DawnModule>('tfjs-webgpu', 'webgpu', 'create');
  Object.assign(globalThis, globals);
  scope.navigator ??= {};
  Object.defineProperty(scope.navigator, 'gpu', { value: create([...(options.dawnFlags ?? [])]), configurable: true });
  return true;
}
